// Node-RED's settings for B3. The flow is in flow.json, which the benchmark writes; the editor and telemetry are off.
module.exports = {
  uiHost: "127.0.0.1",
  flowFile: "flow.json",
  credentialSecret: false,
  disableEditor: true,
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "info", metrics: false, audit: false } },
};
