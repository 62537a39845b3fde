"""Telling people outside the console: e-mail over SMTP from an outbox that survives restarts."""
