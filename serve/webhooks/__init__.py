"""Telling other systems what happened, at least once, signed, in the Standard Webhooks form."""
