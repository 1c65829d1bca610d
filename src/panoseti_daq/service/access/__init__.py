"""Access: TLS, tokens and roles."""
