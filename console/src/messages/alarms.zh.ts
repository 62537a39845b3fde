/** 报警相关页面的中文文字；与 alarms.en.ts 的键必须完全一致（有测试）。 */
export const alarmsZh = {
  group: { alarms: '报警', power: '断送电', safety: '隐患与设备', setup: '设置' },
}
