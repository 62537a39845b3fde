/** Texts of the hazard ledger's pages, in English. */
export const hazardsEn = {
  hazard: {
    chain: 'Who has looked', said: '{who} has', not_said: 'not yet', place: 'Part', clause: 'Basis clause', aspect: 'Kind', unit: 'Responsible unit', control: 'Temporary control', clean_h: 'Agreed hours without alarm', clean_since: 'Points clean since', in_alarm: 'a point is in alarm',
    returned: 'returned {n}×', submissions: 'submission {n}', extensions: 'Extensions', until: 'Until', granted: 'granted', refused: 'refused', undecided: 'undecided', reason: 'Reason', supervision: 'Supervision list', listed: 'Listed', body: 'Supervising body', list_number: 'List number', contact: 'Contact', notice: 'Public notice',
    lifted: 'taken off', progress: 'Progress reports', shutdown: 'Shut down', extent: 'Extent', partial: 'in part', full: 'as a whole', shut_since: 'since {at}', shut_until: ', resumed {at}', files: 'Photos and files', before: 'Before', after: 'After', other: 'Other', add_before: 'Add photo of before', add_after: 'Add photo of after', add_other: 'Add file (photo or PDF)',
    no_files: 'No photos yet.', reminders: 'Reminders', told: '{n} messages', rectifiers: 'Links for rectifiers', rectifier_for: 'For whom', make_link: 'Make a link', link_once: 'The link is shown only now; send it to the rectifier:', copy: 'Copy', revoke: 'Revoke', print_notice: 'Print notice', print_acceptance: 'Print acceptance sheet', parts: 'Split into', merged_in: 'Merged into it', split_from: 'Split from',
    major: 'Report and plan of a major hazard', save_view: 'Save filter', view_name: 'Name of the filter', views: 'My filters', export: 'Export', import: 'Import', rows_good: '{rows} rows, {good} can be recorded', record_all: 'Record all', recorded: '{n} recorded', row: 'Row', regions: 'Regions', ages: 'Open for', listed_only: 'On the list', unlisted: 'Major, not listed', fix: 'Found and fixed',
    fix_why: 'Found and fixed on the spot: a photo of before and one of after; somebody else accepts.', fixed: 'Send', accept_many: 'Accept these', refused_many: 'Not accepted', district: 'Region', origin: 'Source details', version: 'Entry form', party_note: 'What was found', link_ended: 'This link has ended: ask for a new one.', rectify_title: 'Rectification', done_words: 'What was done', send: 'Send for review', sent: 'Sent, thank you.', take_photo: 'Photo of after', orders: 'Orders',
  },
  hazard_age: { day: 'under 1 day', week: '1–7 days', month: '7–30 days', quarter: '30–90 days', older: 'over 90 days' },
  hazard_stage: { soon: 'due soon', overdue: 'overdue', escalated: 'next level', highest: 'highest level' },
  hazard_link: { open: 'open', expired: 'expired', revoked: 'revoked', used: 'used' },
  hazard_act: {
    fix: 'Found and fixed', control: 'Temporary control', vouch: 'Looked at it', extend: 'Ask for more time', grant: 'Grant extension', refuse: 'Refuse extension', supervise: 'Put on the list', progress: 'Report progress', shut_down: 'Shut down', resume: 'Resume work', split: 'Split', link: 'Link', unlink: 'Unlink', attach: 'File added',
  },
  party: { enterprise: 'Enterprise checks', agency: 'Agency assists', grid: 'Grid confirms', government: 'Government supervises' },
  aspect: { on_site: 'On site', management: 'Management' },
  major: { situation: 'Present state and causes', harm: 'Harm and difficulty', goals: 'Goals and tasks', methods: 'Methods and measures', resources: 'Funds and materials', organisation: 'Organisation and people', limits: 'Time and requirements', safety: 'Safety measures and emergency plan' },
  origin: { checker: 'Checked by', check_list: 'Check list', agency: 'Agency', expert: 'Expert', visit: 'Visit', member: 'Grid member', grid: 'Grid', body: 'Inspecting body', document: 'Document no.', inspector: 'Inspector', channel: 'Reported through', tracking: 'Tracking code' },
}
