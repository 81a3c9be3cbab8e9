"""Everything around the model that makes it a service: HTTP, keys and the page. Never imports torch."""
