/** English texts of the console. Words follow the project's glossary; the keys are exactly those of zh.ts (tested). */
export const en = {
  app: {
    name: 'Sitewarden', what: 'Site safety monitoring: alarms, proved power cut-off, hazards', loading: 'Reading…', page_failed: 'This page cannot be opened: the service is not reached, or was updated (then reload)', none: 'Nothing here', shown: '{n} shown', search: 'Search', theme: 'Dark / light',
    server_time: 'Server time', pages: 'Pages', yes: 'yes', no: 'no',
  },
  page: { wall: 'Live alarms', alarms: 'History', orders: 'Orders', circuits: 'Circuits', hazards: 'Hazards', hazard: 'Hazard', devices: 'Devices', rules: 'Rules', users: 'Users' },
  act: {
    acknowledge: 'Acknowledge', reset: 'Reset', note: 'Add note', assign: 'Assign', open_hazard: 'Open a hazard', cut: 'Cut', restore: 'Restore', classify: 'Class', trial: 'Trial', cancel: 'Cancel', close: 'Close', save: 'Save',
    edit: 'Edit', more: 'More', retry: 'Try again', remove: 'Remove',
  },
  session: {
    login: 'Login', password: 'Password', sign_in: 'Sign in', sign_out: 'Sign out', go_on: 'Go on', expired: 'Your session has expired', expired_why: 'The list and the sound stay as they are. Give your password to act.', stale: 'Your password again, please', stale_why: 'This act wants a password given recently.',
  },
  severity: { critical: 'Critical', high: 'High', low: 'Low', info: 'Info' },
  look: { unacked: 'Unacknowledged', acked: 'Acknowledged', cleared_unacked: 'Cleared, unacked', latched_unacked: 'Latched, unacked', latched_acked: 'Latched, reset due', ended: 'Ended', suppressed: 'Suppressed' },
  kind: { smoke: 'Smoke', heat: 'Heat', gas: 'Gas', electrical: 'Electrical', power: 'Power', water: 'Water', device: 'Device', presence: 'Silence', manual_call: 'Manual call', other: 'Other' },
  device_kind: {
    smoke: 'Smoke detector', heat: 'Heat detector', gas: 'Gas detector', co: 'CO detector', electrical: 'Electrical monitor', water: 'Water', switch: 'Metered switch', manual_call: 'Call point', gateway: 'Gateway', actuator: 'Actuator', other: 'Other',
  },
  field: {
    site: 'Site', zone: 'Zone', device: 'Device', enterprise: 'Enterprise', severity: 'Severity', kind: 'Kind', state: 'State', since: 'Since', alarm: 'Alarm', value: 'Value / limit', place: 'Place', follow_up: 'Follow-up', limit: 'limit', peak: 'Peak',
    raised: 'Raised', duration: 'Lasted', verdict: 'Verdict', from: 'From', until: 'Until', assignee: 'Assigned to', rule: 'Rule', note: 'Note', reason: 'Reason', title: 'Title', category: 'Category', description: 'Description', circuit: 'Circuit', class: 'Class',
    position: 'Switch', power: 'Power', current: 'Current', voltage: 'Voltage', heard: 'Heard', cuttable: 'Can be cut', who: 'By', grade: 'Grade', deadline: 'Deadline', source: 'Source', name: 'Name', presence: 'Presence',
  },
  wall: {
    only_unacked: 'Unacknowledged only', suppressed_n: 'Show suppressed ({n})', order: 'Order', by_severity: 'Most severe first', by_attention: 'Unacked first', by_newest: 'Newest first', filtered: 'Filtered: {n} hidden', keys: '↑↓ move · A acknowledge · Space select · Enter open · S silence', acknowledge_n: 'Acknowledge {n}',
    acknowledged_n: '{n} acknowledged', select: 'Select this alarm', select_all: 'Select all', counts: 'Open alarms', unacked: 'unacknowledged', unacked_n: '{n} unacknowledged', unacked_short: '{n} new', none: 'No open alarms', none_filtered: 'No alarms under this filter ({n} others are hidden)',
    none_stale: 'There were no alarms when the stream was lost; what is now is unknown', waiting: 'Waiting for the first list from the server…', spoken_many: '{n} new alarms',
  },
  sound: {
    blocked: 'Sound is off: the browser forbids it until you click. Click here to let alarms sound.', off: 'Sound is off', ready: 'Sound ready', silenced: 'Silenced', silence: 'Silence', silence_why: 'Stops this desk only and acknowledges nothing; a new alarm sounds again',
    critical: 'Critical alarm', high: 'High alarm', low: 'Low alarm', info: 'Notice', reminder: 'Waiting to be acknowledged', lost: 'Stream lost',
  },
  stream: {
    lost: 'The live stream is lost: this list is not up to date', signed_out: 'Signed out: this list is no longer updated', stale: 'not updated since {at}; nothing heard for {silent}', retry: 'Reconnect now', degraded: 'degraded:', heard: 'heard {n} s ago',
    state: { connecting: 'Connecting', live: 'Live', lost: 'Lost', signed_out: 'Signed out' },
  },
  part: { broker: 'MQTT broker', records: 'Records', historian: 'Historian', journal: 'Journal', scan: 'Scan', notify: 'Notifications', disk: 'Disk' },
  signal: {
    raised: 'Raised', stepped_up: 'Stepped up', stepped_down: 'Stepped down', cleared: 'Cleared', acknowledged: 'Acknowledged', reset: 'Reset', assigned: 'Assigned', noted: 'Note', progressed: 'Progress', judged: 'Verdict', hazard_linked: 'Hazard linked', suppressed: 'Suppressed', unsuppressed: 'No longer suppressed', upheld: 'Real now', realarmed: 'Asked again', withdrawn: 'Withdrawn',
  },
  progress: { dispatched: 'Dispatched', arrived: 'Arrived', verified: 'Verified', called_119: 'Fire service called' },
  verdict: { true: 'Real', false: 'False alarm', test: 'Test', fault: 'Fault', nuisance: 'Nuisance' },
  filter: { any: 'All', open: 'Open', ended: 'Ended', unacknowledged: 'Unacknowledged', suppressed: 'Suppressed' },
  alarm: {
    readings: 'Readings around it', no_point: 'This alarm is not about one point: there is no curve.', guidance: 'What to do', no_guidance: 'The rule has no guidance.', acts: 'Acts', note_for_next: 'Note (goes with the next act)', assign_to: 'User id', to_me: 'To me',
    verdict_owed: 'Verdict owed', timeline: 'Who did what', by_service: 'the service', by_linkage: 'linkage (automatic)', message: 'Message', no_records: 'The records cannot be reached: this history may be short', circuits: 'Circuits of its zone', count: 'Occurrences', late: 'late', unrecorded: 'not recorded', has_hazard: 'hazard',
  },
  delivery: { waiting: 'waiting', sent: 'sent', failed: 'failed' },
  value: { on: 'ALARM', off: 'normal', closed: 'closed', open: 'open', unknown: 'unknown' },
  metric: {
    smoke_alarm: 'Smoke alarm', fire_alarm: 'Fire alarm', fire_summary: 'Panel in fire alarm', heat_alarm: 'Heat alarm', gas_alarm: 'Gas alarm', co_alarm: 'CO alarm', manual_call: 'Manual call', water_leak: 'Water leak', smoke_obscuration: 'Smoke obscuration', lel: 'Combustible gas', co: 'CO', h2s: 'H2S', nh3: 'NH3',
    gas_ppm: 'Gas', o2: 'Oxygen', temperature: 'Temperature', cable_temperature: 'Cable temperature', humidity: 'Humidity', leakage_ma: 'Residual current', current_a: 'Current', voltage_v: 'Voltage', power_w: 'Power', energy_kwh: 'Energy', closed: 'Switch position', trip: 'Protection trip',
    pressure_kpa: 'Pressure', level_m: 'Level', flow_lps: 'Flow', arc_alarm: 'Arc fault', tamper: 'Tamper', fault: 'Fault', battery_low: 'Battery low', mains_lost: 'Mains lost', muted: 'Muted', test: 'Test', battery: 'Battery', signal: 'Signal', door_open: 'Door open', occupancy: 'Occupancy',
  },
  chart: { none: 'No readings in this span' },
  action: { cut: 'Cut', restore: 'Restore' },
  class: { fire: 'Fire', life: 'Life safety', permit_24h: '24 h permit', night_off: 'Night off', use: 'In use', manual: 'Manual', unclassified: 'Unclassified' },
  circuit: {
    can_cut: 'can be cut', contradicts: 'says open, but draws', says_open: 'says open, unmeasured', no_trial: 'no witnessed trial', trial_by: 'trial {at}: {a}, {b}', none: 'No circuits', commanding: 'Commanding is on', monitor_only: 'Monitor only: no orders are sent', switch_on: 'Switch commanding on', switch_off: 'Switch commanding off', first_witness: 'First witness', second_witness: 'Second witness',
    classify_title: 'Class of the circuit', classify_why: 'A change of class voids the trial, which must be recorded again.', trial_title: 'Record the on-site trial', trial_why: 'The right load went dark, and two people saw it.', commanding_title: 'Commanding', commanding_why: 'When on, circuits of this site can be cut by people and linkages.',
  },
  cut: {
    title: 'Cut power', goes_dark: 'nothing goes dark | {n} circuit goes dark | {n} circuits go dark', unmeasured: '({n} without measured power)', stays_on: 'no circuit stays on | {n} circuit stays on | {n} circuits stay on', none_stays: 'None', not_chosen: 'not chosen', is_open: 'open already', nothing: 'There is no circuit that can be cut', hold: 'Hold 1.5 s to cut | Hold 1.5 s: cut {n} circuit | Hold 1.5 s: cut {n} circuits', sending: 'Asking…',
    hold_why: 'Hold the button (or Enter / Space) for 1.5 s. Letting go early does nothing at all.', running: '{n} under way', amber: '{n} not proved', red: '{n} without success',
  },
  restore: {
    title: 'Restore: {name}', why: 'Restoring is the dangerous half: make sure that the place is safe; a second person signs with their own login. It is never sent twice.', second_login: 'Second person: login', second_password: 'Second person: password', not_you: 'The second person is another person than you.', hold: 'Hold 1.5 s: restore',
  },
  order: { way: 'Way of the order', attempts: 'sent {n} times', before: 'before', after: 'after' },
  order_state: {
    requested: 'Requested', sending: 'Sending', sent: 'Sent', confirmed: 'Confirmed', proved: 'Proved', unproved: 'Opened, unproved', rejected: 'Rejected by device', failed: 'Failed', expired: 'Expired', refused: 'Refused', unknown: 'Unknown', simulated: 'Simulated',
  },
  hazard: {
    report: 'Report a hazard', number: 'Number', found: 'Found', recurrences: 'Recurrences', overdue_by: 'overdue {span}', left: '{span} left', way: 'The loop', about: 'About', rectified_by: 'Rectified by', alarms: 'Linked alarms', five: 'Rectification', steps: 'Steps', acts: 'What you may do',
    not_yours: 'There is nothing for you to do in this state.', closed: 'This hazard is closed.', into: 'Merged into (hazard id)', text_needed: 'Say what and why (needed)', accept_why: 'The accepter is not the rectifier; a reason is needed while the point has not been clean for long enough.',
  },
  hazard_state: { open: 'Open', overdue: 'Overdue', reported: 'Reported', confirmed: 'Confirmed', rectifying: 'Rectifying', submitted: 'Submitted', accepted: 'Accepted', rejected: 'Rejected', merged: 'Merged' },
  hazard_act: { report: 'Report', confirm: 'Confirm and grade', rectify: 'Rectify', submit: 'Submit', accept: 'Accept', return: 'Return', reject: 'Reject', merge: 'Merge', recur: 'Recurred' },
  grade: { none: 'not graded', general: 'General', major: 'Major' },
  source: { alarm: 'Alarm', self_check: 'Self-check', agency: 'Agency', grid: 'Grid', government: 'Government', public: 'Public report' },
  five: { person: 'Person', measures: 'Measures', funds: 'Funds', deadline: 'Deadline', contingency: 'Contingency' },
  presence: { online: 'Online', silent: 'Silent', offline: 'Offline', never_heard: 'Never heard' },
  device: {
    inbox: 'Unknown devices', latest: 'Latest', address: 'Codec / address', suggested: 'Suggested kind', messages: 'Messages', last: 'Last', payload: 'Last payload', accept: 'Accept device', link: 'Link', no_points: 'No point has been heard yet.', codec: 'Codec', interval: 'Reporting interval (s)', by_class: 'by its class',
    calibrated_until: 'Calibrated until', service_until: 'Service life until', not_known: 'not entered', expired: '{day} has passed', until: '{day} ({n} days left)', clock: 'Device clock', no_clock: 'sends no time (arrival counts)', clock_right: 'right', clock_slow: '{span} slow', clock_fast: '{span} fast',
    clock_slow_wrong: '{span} slow: arrival counts', clock_fast_wrong: '{span} fast: arrival counts', spread_why: 'how much the offset differed over its last messages', battery_low: 'low', battery_fine: 'fine', refusals: 'Refused messages', no_refusals: 'Nothing it said was refused.', last_n: 'the last {n} are kept', when: 'When', raw: 'As it came (open for hexadecimal)',
  },
  device_act: {
    edit: 'Edit', move: 'Move', replace: 'Replace hardware', retire: 'Retire', edit_why: 'Without an interval, silence is judged by the default of its link. Calibration and service life are reminded of 30 days before.', move_why: 'Id, points and history stay; open alarms keep the place they were raised at.', replace_why: 'Other hardware: id, points and history stay, its clock is learnt anew. The dates are those of the new hardware.',
    retire_why: 'No longer watched. Its history is kept; its active alarms return to normal for people to acknowledge and end.', circuits_go: 'Its {n} circuits go along to “{site}”, and their trials are void.', trials_void: 'The trials of {n} circuits become void: nothing cuts them until they are witnessed again.', from_inbox: 'From the unknown devices (the new hardware already reports)', inbox_empty: 'no unknown device: give the address below', address: 'New address',
    switches: 'It switches: {names}', with_circuits: 'Remove these circuits with it',
  },
  inbox: {
    accept_n: 'Accept {n}', dismiss_n: 'Dismiss {n}', recall_n: 'Bring back {n}', dismissed: 'Show dismissed', refresh: 'Refresh', as_suggested: 'as suggested for each', empty: '(empty message)', why: 'Devices that report and are not registered. Tick many to accept them into one zone; dismiss those that are not yours.', dismissed_why: 'Dismissed devices stay out of sight however often they report. Bring them back, or accept them here.',
  },
  register: {
    title: 'Import devices and circuits', import: 'Import', export: 'Export', how_template: 'Take the present register as the template:', template: 'download XLSX (with the present devices)', how_fill: 'A row is a device or a circuit (column “type”). Site and zone by id or name; an empty id is made; a known id is changed.', how_check: 'The file is checked first and changes nothing. Only a file without a wrong cell is imported, all of it or nothing. Class and trial are not in the table: an imported circuit is not cut before its trial.',
    choose: 'Choose a CSV or XLSX file', drop: 'or drop it here', too_large: 'the file is larger than 8 MB', bad: '{n} wrong cell | {n} wrong cells', new: '{n} new', changed: '{n} changed', same: '{n} the same', go: 'Import {n} rows', mend: 'Mend these in the file and choose it again. Nothing was changed.', row: 'Row', column: 'Column', given: 'Given', allowed: 'Allowed', blank: '(empty)', more_bad: 'and {n} more',
    nothing: 'The file says what is there already: nothing to import.', act: 'Act', act_new: 'new', act_changed: 'changed', kind_device: 'device', kind_circuit: 'circuit', columns: 'Changed columns', done: 'Imported: {new} new, {changed} changed, {same} the same', see: 'See the devices',
  },
  column: {
    type: 'type', id: 'id', site_id: 'site_id', zone_id: 'zone_id', name: 'name', kind: 'kind', codec: 'codec', address: 'address', gateway_id: 'gateway_id', interval_s: 'interval_s', link: 'link', calibrated_until: 'calibrated_until', service_until: 'service_until', device_id: 'device_id', channel: 'channel', tenant: 'tenant', panel: 'panel',
    rated_a: 'rated_a', poles: 'poles', permit_until: 'permit_until', trial: 'trial',
  },
  decode: {
    title: 'Decode a message', why: 'Paste an MQTT message to see what the codecs make of it; nothing is kept.', example: 'Example {n}', topic: 'Topic', payload: 'Payload', go: 'Decode', hex: 'the payload is hexadecimal', not_hex: 'not hexadecimal', taken_by: 'taken by {codec}', nobody: 'No codec takes this topic', known: 'device {id}', unknown: 'not registered', metric: 'Point', name: 'Name', value: 'Value', taken: 'Measured',
    on_arrival: 'by its arrival', no_readings: 'No readings.', confirmation: 'Confirmation of an order', refused: 'Refused',
  },
  history: { export: 'Export', title: 'Export readings', why: 'Every raw reading of this device in the span, with its point, time and unit. Older readings than are kept raw are not in it.', start: 'Make the file', waiting: 'Waiting for other exports', running: '{n} readings so far', done: '{n} readings', failed: 'It could not be made; the service’s log says why', file: 'Download ({size})' },
  link: { wired: 'Wired', zigbee: 'Zigbee', lora: 'LoRa', nb: 'NB-IoT' },
  span: { h0_25: '15 min', h1: '1 h', h6: '6 h', h24: '24 h', h168: '7 d' },
  rule: {
    new: 'New rule', watches: 'Watches', levels: 'Levels', hold: 'Hold', clear_hold: 'clear hold', latched: 'Latched', version: 'Version', enabled: 'Enabled', disabled: 'Disabled', deadband: 'deadband {n}', silence_of: 'nothing for {n} intervals', whole_device: 'the whole device', scope: 'Scope',
    everything: 'everything', not_json: 'This is not JSON',
  },
  rule_kind: { level: 'Level', state: 'State', silence: 'Silence' },
  user: {
    new: 'New person', email: 'E-mail', grants: 'Roles and where', role: 'Role', active: 'Active', disabled: 'Disabled', enable: 'Enable', disable: 'Disable', everywhere: 'everywhere', password: 'First password (10 characters or more; empty: invite by a link)', new_password: 'New password (empty: unchanged)', add_grant: 'Add a role',
  },
  role: { operator: 'Operator', manager: 'Manager', enterprise: 'Enterprise', supervisor: 'Supervisor', administrator: 'Administrator' },
  node: { all: 'Everywhere', district: 'District', enterprise: 'Enterprise', site: 'Site' },
  problem: {
    unreachable: 'The service was not reached; if this was an act, whether it was done is not known', 'not-found': 'Not found', 'illegal-transition': "The alarm's state does not allow it", 'request-refused': 'Refused', conflict: 'Somebody else was first', 'records-unavailable': 'The records cannot be reached now', busy: 'Too busy: nothing was done', incomplete: 'Something is missing', 'illegal-step': "The hazard's state does not allow it", 'bad-cursor': 'This page of the list is gone', 'bad-key': 'Not a request key',
    invalid: 'Not valid', forbidden: 'Not allowed', 'not-signed-in': 'Sign in first', csrf: 'This page is too old: reload it', 'reauth-required': 'The password is needed again', 'second-person': 'Not the second person', internal: 'It went wrong inside', 'key-reused': 'The key was used for another request', denied: 'Wrong login or password',
    'too-many-attempts': 'Too many attempts: wait a little', 'not-empty': 'There is something in it', 'bad-rows': 'The file has wrong cells', 'too-long': 'Too long',
  },
}
