"""Everything that keeps: journal, snapshots, records, historian, and their in-memory stand-ins."""
