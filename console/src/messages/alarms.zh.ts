/** 报警相关页面的中文文字；与 alarms.en.ts 的键必须完全一致（有测试）。 */
export const alarmsZh = {
  group: { alarms: '报警', power: '断送电', safety: '隐患与设备', setup: '设置' },
  page: { suppressed: '搁置与屏蔽', proof_test: '检测试验', shift: '值班交接', figures: '报警统计', responses: '联动与升级', notify: '通知' },
  act: { shelve: '搁置' },
  signal: { chattered: '开始抖动', quieted: '抖动结束' },
  mark: { test: '测试', chattering: '抖动', realarms: '再次提醒 {n} 次' },
  focus: { title: '当前最要紧的报警', worse: '新报警（同级或更高）：{zone}', has_it: '处置人', nobody: '尚无人接警', spark: '最近 15 分钟', open: '查看详情' },
  climb: { unacknowledged: '未接警：倒计时结束后将通知更多人员', unverified: '未核实：倒计时结束后将通知更多人员', over: '升级已结束', next: '届时通知{whom}', policy: '升级通知', told: '已通知', by: '方式：{channels}', every: '其登记的全部方式', standing: '下一步：{whom}', none: '没有适用于此报警的升级策略。' },
  flood: {
    new_zone: '新区域', n: '{n} 条报警', first_out: '首报：', newest: '最新 {span} 前', breaks: '级别更高', sure: '确认接警“{zone}”的全部 {n} 条报警？', on: '报警泛滥：10 分钟内新增 {n} 条。已按区域折叠；新区域或更高级别会单独显示。',
    grouping: '分组', auto: '泛滥时分组', always: '按区域分组', never: '不分组',
  },
  steps: { verdict: '核实结论', dispatch_title: '派人前往：{zone}', on_duty: '当前在岗', whom: '派谁', phone: '电话', verdict_title: '核实结论：{zone}', verdict_note: '现场情况（写入记录）' },
  verdict_why: { true: '确有其事：起火、泄漏或线路故障', false: '现场无异常：探测器或规则误报', test: '人员在做测试', fault: '设备本身损坏', nuisance: '水汽、灰尘、油烟等干扰，无危险' },
  script: { title: '拨打火警电话', dial: '请拨', fill: '未登记，请按实际情况说明', phone: '本值班电话', why: '请平静地逐条说清，等对方先挂断。打完后在此确认，记录拨打时间。', called: '已拨打 119', again: '再次拨打' },
  shelf: { title: '搁置此报警', never: '紧急报警和火灾、燃气报警不得搁置。请改为“屏蔽”探测器：需作业票、代偿巡查和结束时间。', why: '搁置期间照常记录和计数，不响、不通知；到时自动恢复，若变得更严重则立即恢复。', minutes: '{n} 分钟', hours: '{n} 小时', until: '至 {at}', reason: '原因（必填）', end: '结束搁置', one_shot: '现象消失即提前结束' },
  keys: {
    title: '快捷键', move: '上下移动', page: '翻页', top: '回到最要紧的报警', acknowledge: '接警（已选的，否则为最上方的）', select: '选择', dispatch: '派人', arrived: '到场', verified: '已核实', call: '拨打 119：照读内容', verdict: '核实结论（再按 1–5）',
    shelve: '搁置', silence: '消音（仅本席位，不等于接警）', fold: '折叠 / 展开区域', open: '打开详情', back: '返回', keys: '本说明',
  },
  alarm: { now: '当前值', until: '至 {at}', assign_to: '指派给…' },
  channel: { email: '邮件', sms: '短信', voice: '电话', webhook: 'Webhook', chat: '群机器人' },
  delivery: { waiting: '待发', sent: '已发出', delivered: '已送达', answered: '已应答', failed: '失败', folded: '并入汇总', withdrawn: '已撤回' },
  incident: { print: '事件报告', file: '事件档案（zip）' },
  out: {
    take: '屏蔽', title: '屏蔽（停用）', why: '屏蔽期间报警照常记录但不呼叫；到时间仍在报警的会立即呼叫。', device: '单个设备', zone: '区域内某些类别', find: '名称或编号', kinds: '报警类别', until: '至 {at}', days: '{n} 天', second: '超过 24 小时须由另一名负责人批准后才生效。',
    approve: '批准', needs_other: '须由他人批准', permit: '作业票', patrol: '代偿巡查', patrol_fire: '代偿巡查（火灾、燃气：谁巡、多久一次）', ask: '提交批准',
  },
  suppressed: {
    now: '当前', proof: '检测试验', quiet: '静默时段', over: '已结束', alarms: '当前有 {n} 条未结束报警不呼叫人员，但照常记录和计数。', kind: '类别', target: '对象', left: '剩余', holds: '报警数', none: '当前没有搁置或屏蔽。', cause: '原因消失时', ended: '结束时间', ended_why: '结束原因', stands: '生效中',
    end_shelved: '结束搁置', end_out_of_service: '恢复使用', end_proof_test: '结束试验',
  },
  suppression: { shelved: '搁置', out_of_service: '屏蔽', proof_test: '检测试验', inhibited: '关联抑制', schedule: '静默时段' },
  out_state: { asked: '待他人批准', planned: '未开始', standing: '生效中', ended: '已结束', lapsed: '逾期未批' },
  quiet: { why: '所列类别的轻微报警等到时段结束再呼叫。不适用于火灾、燃气及 P3 以上报警。', new: '新建静默时段', whole: '整个场所', from: '开始', to: '结束（可跨零点）', days: '起始日（不选为每天）', on: '启用', off: '停用' },
  weekday: { d0: '周一', d1: '周二', d2: '周三', d3: '周四', d4: '周五', d5: '周六', d6: '周日' },
  proof: {
    begin: '开始检测试验', why: '区域内报警标记为测试、不呼叫人员；对其回路的指令只模拟。其余照常。到时自动结束，届时仍在报警的会立即呼叫。', running: '试验中', ended: '已结束', left: '剩余 {span}', end: '结束试验', means: '试验结束前，此处报警不呼叫人员，指令只模拟。',
    answered: '已响应 {n} / {of}', detector: '探测器', applied: '加烟/加气时间', responded: '响应时间', response: '响应用时', value: '读数', apply: '现在加烟/加气', apply_again: '重新计时', waiting: '等待 {span}', no_response: '未响应', empty: '此处没有探测器。',
  },
}
