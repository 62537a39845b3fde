/** English texts of the alarm pages; the keys are exactly those of alarms.zh.ts (tested). */
export const alarmsEn = {
  group: { alarms: 'Alarms', power: 'Power', safety: 'Safety', setup: 'Set-up' },
}
