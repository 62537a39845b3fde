#!/bin/sh
# Makes the password file from the environment at every start, then runs the broker. Devices of their own are added with
#   docker compose exec mosquitto mosquitto_passwd -b /mosquitto/data/passwords SITE/DEVICE PASSWORD
set -eu
file=/mosquitto/data/passwords
[ -f "$file" ] || : > "$file"
mosquitto_passwd -b "$file" sitewarden "$MQTT_PASSWORD"
mosquitto_passwd -b "$file" zigbee2mqtt "$MQTT_DEVICE_PASSWORD"
chown mosquitto:mosquitto "$file"
chmod 0700 "$file"
exec mosquitto -c /etc/sitewarden/mosquitto.conf
