/** English texts of the alarm pages; the keys are exactly those of alarms.zh.ts (tested). */
export const alarmsEn = {
  group: { alarms: 'Alarms', power: 'Power', safety: 'Safety', setup: 'Set-up' },
  page: { suppressed: 'Suppressed', proof_test: 'Proof test', shift: 'Shift', figures: 'Figures', responses: 'Responses', notify: 'Messages' },
  act: { shelve: 'Shelve' },
  signal: { chattered: 'Chatters', quieted: 'Chatter over' },
  mark: { test: 'test', chattering: 'chatters', realarms: 'asked again {n}×' },
  focus: { title: 'What matters now', worse: 'New, as severe: {zone}', has_it: 'Who has it', nobody: 'nobody yet', spark: 'The last 15 minutes', open: 'All about it' },
  climb: { unacknowledged: 'Until somebody further is told, because nobody acknowledged', unverified: 'Until somebody further is told, because there is no verdict', over: 'Climbs no further', next: 'then {whom}', policy: 'Escalation', told: 'Told', by: 'by {channels}', every: 'every channel they have', standing: 'Next: {whom}', none: 'No policy is for this alarm.' },
  flood: {
    new_zone: 'new zone', n: '{n} alarms', first_out: 'first:', newest: 'newest {span} ago', breaks: 'more severe', sure: 'Acknowledge all {n} alarms of {zone}?', on: 'Flood: {n} new alarms within 10 minutes. Grouped by zone; a new zone or a higher severity breaks through.',
    grouping: 'Grouping', auto: 'Group floods', always: 'Group by zone', never: 'No groups',
  },
  steps: { verdict: 'Verdict', dispatch_title: 'Send somebody to {zone}', on_duty: 'On duty now', whom: 'Who', phone: 'Telephone', verdict_title: 'What was it? {zone}', verdict_note: 'What was found (for the record)' },
  verdict_why: { true: 'It was what it said: fire, gas, fault of the installation', false: 'There was nothing: the detector or the rule was wrong', test: 'Somebody tested it', fault: 'The device is broken', nuisance: 'Steam, dust, cooking: real for the detector, no danger' },
  script: { title: 'Call the fire service', dial: 'Dial', fill: 'not entered: say it from your own knowledge', phone: 'Your telephone', why: 'Read it out calmly. Do not hang up first. Calling is recorded with its time when you confirm it here.', called: 'I have called 119', again: 'Called again' },
  shelf: { title: 'Shelve this alarm', never: 'Critical alarms, fire and gas are never shelved. Take the detector out of service instead: with a permit, a patrol and an end.', why: 'It is recorded and counted, makes no sound and tells nobody until then; it comes back by itself, at once if it gets worse.', minutes: '{n} min', hours: '{n} h', until: 'until {at}', reason: 'Why (needed)', end: 'End the shelf', one_shot: 'Ends sooner when the condition is over' },
  keys: {
    title: 'Keys', move: 'Move along the list', page: 'Move by a page', top: 'To what matters most', acknowledge: 'Acknowledge (the selected ones, else the one on top)', select: 'Select', dispatch: 'Send somebody', arrived: 'Arrived', verified: 'Verified', call: 'Call 119: the words to read', verdict: 'Verdict (then 1 to 5)',
    shelve: 'Shelve', silence: 'Silence this desk (acknowledges nothing)', fold: 'Fold or unfold the zone', open: 'Open its page', back: 'Back', keys: 'This sheet',
  },
  alarm: { now: 'now', until: 'until {at}', assign_to: 'Give it to …' },
  channel: { email: 'E-mail', sms: 'Short message', voice: 'Call', webhook: 'Webhook', chat: 'Chat robot' },
  delivery: { waiting: 'waiting', sent: 'sent', delivered: 'delivered', answered: 'answered', failed: 'failed', folded: 'in a digest', withdrawn: 'withdrawn' },
  incident: { print: 'Incident page', file: 'Incident file (zip)' },
  out: {
    take: 'Take out of service', title: 'Take out of service', why: 'Its alarms are recorded and call nobody until the end. What still stands then calls at once.', device: 'A device', zone: 'Kinds of alarms in a zone', find: 'Name or id', kinds: 'Kinds of alarms', until: 'Until {at}', days: '{n} d', second: 'Over 24 h it stands only once another person, a manager, has approved it.',
    approve: 'Approve', needs_other: 'another person approves', permit: 'Permit', patrol: 'Patrol meanwhile', patrol_fire: 'Patrol meanwhile (fire and gas: who walks, how often)', ask: 'Ask for approval',
  },
  suppressed: {
    now: 'Now', proof: 'Proof tests', quiet: 'Quiet times', over: 'Over', alarms: '{n} open alarms call nobody now; they are recorded and counted.', kind: 'Kind', target: 'What', left: 'Left', holds: 'Alarms', none: 'Nothing is suppressed.', cause: 'its cause ends', ended: 'Ended', ended_why: 'Why it ended', stands: 'stands',
    end_shelved: 'End', end_out_of_service: 'Return to service', end_proof_test: 'End the test',
  },
  suppression: { shelved: 'Shelved', out_of_service: 'Out of service', proof_test: 'Proof test', inhibited: 'Inhibited', schedule: 'Quiet time' },
  out_state: { asked: 'waits for approval', planned: 'planned', standing: 'stands', ended: 'ended', lapsed: 'lapsed' },
  quiet: { why: 'Mild alarms of named kinds wait for the end of these hours. Never fire, gas, or anything above P3.', new: 'New quiet time', whole: 'the whole site', from: 'From', to: 'Until (may be the next day)', days: 'Begins on (none: every day)', on: 'Switch on', off: 'Switch off' },
  weekday: { d0: 'Mon', d1: 'Tue', d2: 'Wed', d3: 'Thu', d4: 'Fri', d5: 'Sat', d6: 'Sun' },
  proof: {
    begin: 'Begin a proof test', why: 'Alarms of the zone are tagged as test and call nobody; orders for its circuits are simulated. All else stays live. It ends by itself; what is still in alarm then calls at once.', running: 'In test', ended: 'Ended', left: '{span} left', end: 'End the test', means: 'Alarms here call nobody and orders are simulated until the test ends.',
    answered: '{n} of {of} answered', detector: 'Detector', applied: 'Applied', responded: 'Answered', response: 'Response', value: 'Value', apply: 'Applied now', apply_again: 'Again', waiting: 'waiting {span}', no_response: 'no answer', empty: 'There is no detector here.',
  },
}
