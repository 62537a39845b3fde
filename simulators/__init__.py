"""A plant to practise on: seeded fleets stepped as arrays, breakers that obey or lie, scenarios as data."""
