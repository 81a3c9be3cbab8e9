"""Who may do what: keys with roles, sessions of staff, and how many requests each may send."""
