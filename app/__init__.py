"""The one composition root: settings, clock, scan, wiring, service, command line."""
