"""The wire, both ways: topics, codecs, inbox, the MQTT client, the courier. Imports `sites` and `power`'s order types."""
