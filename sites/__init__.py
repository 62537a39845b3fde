"""Who and what is watched: enterprise, site, zone, device, point, circuit; the roster; reading batches.

The lowest room: it imports numpy and nothing of ours. It knows no rules, alarms, wires or stores.
"""
