/** 中文界面文字。词汇以项目词汇表为准；与 en.ts 的键必须完全一致（有测试）。 */
export const zh = {
  app: {
    name: 'Sitewarden 守望', what: '企业场所安全监测 · 报警联动 · 断电验证 · 隐患闭环', loading: '正在读取…', page_failed: '页面无法打开：连接不到服务器，或服务已升级（请刷新）', none: '没有记录', shown: '共显示 {n} 条', search: '搜索', theme: '深色 / 浅色',
    server_time: '服务器时间', pages: '页面', yes: '是', no: '否',
  },
  page: { wall: '实时报警', alarms: '报警记录', orders: '断送电指令', circuits: '回路', hazards: '隐患台账', hazard: '隐患', devices: '设备', rules: '规则', users: '用户' },
  act: {
    acknowledge: '接警', reset: '复位', note: '添加备注', assign: '指派', open_hazard: '登记隐患', cut: '断电', restore: '送电', classify: '设定类别', trial: '登记试分', cancel: '取消', close: '关闭', save: '保存',
    edit: '编辑', more: '更多', retry: '重试', remove: '移除',
  },
  session: {
    login: '账号', password: '密码', sign_in: '登录', sign_out: '退出', go_on: '继续', expired: '登录已过期', expired_why: '报警列表和声音保持不变。请输入密码以继续操作。', stale: '请再次输入密码', stale_why: '该操作要求近期验证过密码。',
  },
  severity: { critical: '紧急', high: '重要', low: '次要', info: '提示' },
  look: { unacked: '未接警', acked: '已接警', cleared_unacked: '已恢复·未接警', latched_unacked: '锁存·未接警', latched_acked: '锁存·待复位', ended: '已结束', suppressed: '已抑制' },
  kind: { smoke: '感烟', heat: '感温', gas: '燃气', electrical: '电气', power: '断送电', water: '水', device: '设备', presence: '失联', manual_call: '手动报警', other: '其他' },
  device_kind: {
    smoke: '感烟探测器', heat: '感温探测器', gas: '燃气探测器', co: '一氧化碳探测器', electrical: '电气火灾监控', water: '水系统', switch: '智能断路器', manual_call: '手动报警按钮', gateway: '网关', actuator: '执行机构', other: '其他',
  },
  field: {
    site: '场所', zone: '区域', device: '设备', enterprise: '企业', severity: '级别', kind: '类型', state: '状态', since: '持续', alarm: '报警', value: '当前值 / 限值', place: '位置', follow_up: '处置', limit: '限值', peak: '峰值',
    raised: '报警时间', duration: '时长', verdict: '核实结论', from: '开始', until: '结束', assignee: '处置人', rule: '规则', note: '备注', reason: '原因', title: '标题', category: '类别', description: '描述', circuit: '回路', class: '类别',
    position: '开关', power: '功率', current: '电流', voltage: '电压', heard: '最近收到', cuttable: '可否断电', who: '操作人', grade: '等级', deadline: '整改期限', source: '来源', name: '名称', presence: '在线',
  },
  wall: {
    only_unacked: '仅未接警', suppressed_n: '显示已抑制（{n}）', order: '排序', by_severity: '按级别', by_attention: '未接警优先', by_newest: '最新优先', filtered: '筛选中，隐藏 {n} 条', keys: '↑↓ 选择　A 接警　空格 勾选　Enter 打开　S 消音', acknowledge_n: '接警 {n} 条',
    acknowledged_n: '已接警 {n} 条', select: '选择此报警', select_all: '全选', counts: '未结束的报警', unacked: '未接警', unacked_n: '{n} 条未接警', unacked_short: '未接 {n}', none: '没有未结束的报警', none_filtered: '筛选条件下没有报警（另有 {n} 条被隐藏）',
    none_stale: '断线前没有报警；现在的情况未知', waiting: '正在等待服务器的第一份列表…', spoken_many: '新增 {n} 条报警',
  },
  sound: {
    blocked: '声音未开启：浏览器禁止自动播放。点击此处开启报警声音。', off: '声音未开启', ready: '声音就绪', silenced: '已消音', silence: '消音', silence_why: '仅本台消音，不等于接警；新报警会再次响起',
    critical: '紧急报警声', high: '重要报警声', low: '次要报警声', info: '提示音', reminder: '待接警提醒', lost: '断线提示音',
  },
  stream: {
    lost: '与服务器的实时连接已中断，列表不是最新的', signed_out: '登录已过期，列表不再更新', stale: '自 {at} 起未更新；距上次收到数据 {silent}', retry: '立即重连', degraded: '降级运行：', heard: '{n} 秒前收到',
    state: { connecting: '正在连接', live: '实时', lost: '连接中断', signed_out: '未登录' },
  },
  part: { broker: 'MQTT 连接', records: '记录库', historian: '历史库', journal: '日志', scan: '扫描', notify: '通知', disk: '磁盘' },
  signal: {
    raised: '报警', stepped_up: '升级', stepped_down: '降级', cleared: '恢复正常', acknowledged: '接警', reset: '复位', assigned: '指派', noted: '备注', progressed: '处置进展', judged: '核实', hazard_linked: '关联隐患', suppressed: '抑制', unsuppressed: '抑制结束', upheld: '确认为实时', realarmed: '再次提醒', withdrawn: '撤销',
  },
  progress: { dispatched: '已派人', arrived: '已到场', verified: '已核实', called_119: '已报119' },
  verdict: { true: '真实火警/险情', false: '误报', test: '测试', fault: '故障', nuisance: '干扰' },
  filter: { any: '全部', open: '未结束', ended: '已结束', unacknowledged: '未接警', suppressed: '已抑制' },
  alarm: {
    readings: '报警前后读数', no_point: '此报警不针对单个测点，没有曲线。', guidance: '处置指引', no_guidance: '该规则没有填写处置指引。', acts: '处置', note_for_next: '备注（随下一个操作提交）', assign_to: '用户编号', to_me: '指派给我',
    verdict_owed: '待核实', timeline: '经过', by_service: '系统', by_linkage: '联动（自动）', message: '通知', no_records: '记录库暂不可用，经过可能不完整', circuits: '本区域回路', count: '发生次数', late: '补传', unrecorded: '未记录', has_hazard: '隐患',
  },
  delivery: { waiting: '待发送', sent: '已发送', failed: '发送失败' },
  value: { on: '报警', off: '正常', closed: '合闸', open: '分闸', unknown: '未知' },
  metric: {
    smoke_alarm: '烟雾报警', fire_alarm: '火灾报警', fire_summary: '控制器火警', heat_alarm: '温度报警', gas_alarm: '燃气报警', co_alarm: '一氧化碳报警', manual_call: '手动报警', water_leak: '漏水', smoke_obscuration: '烟雾浓度', lel: '可燃气体浓度', co: '一氧化碳', h2s: '硫化氢', nh3: '氨气',
    gas_ppm: '气体浓度', o2: '氧气', temperature: '温度', cable_temperature: '线缆温度', humidity: '湿度', leakage_ma: '剩余电流', current_a: '电流', voltage_v: '电压', power_w: '功率', energy_kwh: '电量', closed: '开关位置', trip: '保护跳闸',
    pressure_kpa: '压力', level_m: '液位', flow_lps: '流量', arc_alarm: '故障电弧', tamper: '防拆', fault: '故障', battery_low: '电池低', mains_lost: '主电丢失', muted: '已静音', test: '测试', battery: '电池', signal: '信号', door_open: '门开', occupancy: '有人',
  },
  chart: { none: '此时段没有读数' },
  action: { cut: '断电', restore: '送电' },
  class: { fire: '消防', life: '生命安全', permit_24h: '24小时许可', night_off: '非24小时', use: '经营使用', manual: '人工', unclassified: '未分类' },
  circuit: {
    can_cut: '可断电', contradicts: '显示分闸但有电流', says_open: '显示分闸·无测量', no_trial: '未登记现场试分', trial_by: '试分 {at}：{a}、{b}', none: '没有回路', commanding: '允许远程操作', monitor_only: '仅监测：不下发指令', switch_on: '开启远程操作', switch_off: '关闭远程操作', first_witness: '见证人一', second_witness: '见证人二',
    classify_title: '设定回路类别', classify_why: '改变类别会使现场试分作废，须重新登记。', trial_title: '登记现场试分', trial_why: '断开后正确的负载确已停电，且有两人在场见证。', commanding_title: '远程操作', commanding_why: '开启后，本场所的回路可被人员或联动断电。',
  },
  cut: {
    title: '断电', goes_dark: '将断电：{n} 个回路', unmeasured: '（{n} 个回路无功率测量）', stays_on: '保持供电：{n} 个回路', none_stays: '没有', not_chosen: '未选择', is_open: '当前已分闸', nothing: '没有可以断电的回路', hold: '按住 1.5 秒：断开 {n} 个回路', sending: '正在下达…',
    hold_why: '按住按钮（或按住 Enter / 空格）1.5 秒确认。提前松开不会执行任何操作。', running: '执行中 {n}', amber: '未验证 {n}', red: '未成功 {n}',
  },
  restore: {
    title: '送电：{name}', why: '送电有危险：确认现场安全，并由第二人用本人账号授权。指令绝不重发。', second_login: '第二人账号', second_password: '第二人密码', not_you: '第二人不能是本人。', hold: '按住 1.5 秒：送电',
  },
  order: { way: '指令进程', attempts: '第 {n} 次发送', before: '操作前', after: '操作后' },
  order_state: {
    requested: '已请求', sending: '正在发送', sent: '已发送', confirmed: '设备已回执', proved: '实测已验证', unproved: '已分闸未验证', rejected: '设备拒绝', failed: '失败', expired: '已过期', refused: '已拒绝', unknown: '结果不明', simulated: '模拟',
  },
  hazard: {
    report: '上报隐患', number: '编号', found: '发现', recurrences: '复发', overdue_by: '超期 {span}', left: '剩余 {span}', way: '闭环进程', about: '基本信息', rectified_by: '整改人', alarms: '关联报警', five: '五落实', steps: '经过', acts: '可执行的操作',
    not_yours: '当前状态下您没有可执行的操作。', closed: '该隐患已关闭。', into: '并入的隐患编号（id）', text_needed: '说明（必填）', accept_why: '验收人不能是整改人；测点未持续正常时须写明理由。',
  },
  hazard_state: { open: '未闭环', overdue: '超期', reported: '已上报', confirmed: '已核实定级', rectifying: '整改中', submitted: '待复查', accepted: '已销号', rejected: '已驳回', merged: '已合并' },
  hazard_act: { report: '上报', confirm: '核实定级', rectify: '下达整改', submit: '申请复查', accept: '销号', return: '退回整改', reject: '驳回', merge: '合并', recur: '再次发生' },
  grade: { none: '未定级', general: '一般隐患', major: '重大隐患' },
  source: { alarm: '报警', self_check: '自查', agency: '服务机构', grid: '网格', government: '政府检查', public: '群众举报' },
  five: { person: '责任人', measures: '措施', funds: '资金', deadline: '期限', contingency: '预案' },
  presence: { online: '在线', silent: '静默', offline: '离线', never_heard: '从未收到' },
  device: {
    inbox: '未知设备', latest: '最新读数', address: '协议 / 地址', suggested: '推测类型', messages: '消息数', last: '最近', payload: '最后一条消息', accept: '接纳设备', link: '链路', no_points: '还没有收到任何测点。', codec: '协议', interval: '上报间隔（秒）', by_class: '按类型默认',
    calibrated_until: '检定有效期至', service_until: '使用年限至', not_known: '未登记', expired: '{day} 已过期', until: '{day}（剩 {n} 天）', clock: '设备时钟', no_clock: '不带时间（按到达时间）', clock_right: '准确', clock_slow: '慢 {span}', clock_fast: '快 {span}',
    clock_slow_wrong: '慢 {span}：按到达时间计', clock_fast_wrong: '快 {span}：按到达时间计', spread_why: '最近消息之间时钟偏差的波动', battery_low: '电量低', battery_fine: '电量正常', refusals: '被拒绝的消息', no_refusals: '没有被拒绝的消息。', last_n: '保留最近 {n} 条', when: '时间', raw: '原始内容（点开看十六进制）',
  },
  device_act: {
    edit: '编辑资料', move: '移动', replace: '更换硬件', retire: '停用拆除', edit_why: '留空上报间隔则按链路类型默认值判断静默。检定、年限到期前 30 天会提醒。', move_why: '编号、测点和历史保持不变；已有报警仍显示原位置。', replace_why: '换上新硬件，编号、测点和历史保持不变；设备时钟重新学习。检定、年限日期须按新硬件填写。',
    retire_why: '不再监测。历史数据保留；它的活动报警恢复为正常，由人员接警后结束。', circuits_go: '其 {n} 个回路随之移到“{site}”，现场试分作废。', trials_void: '{n} 个回路的现场试分将作废，须重新登记后才能断电。', from_inbox: '从未知设备中选择（新硬件已上电上报）', inbox_empty: '没有未知设备，请在下面填写地址', address: '新地址',
    switches: '它控制的回路：{names}', with_circuits: '同时移除这些回路',
  },
  inbox: {
    accept_n: '接纳 {n} 个设备', dismiss_n: '忽略 {n} 个', recall_n: '取消忽略 {n} 个', dismissed: '看已忽略的', refresh: '刷新', as_suggested: '各按推测类型', empty: '（空消息）', why: '正在上报但尚未登记的设备。勾选多个可一次接纳到同一区域；不是本单位的可忽略。', dismissed_why: '已忽略的设备：继续上报也不再出现；可取消忽略，或直接接纳。',
  },
  register: {
    title: '导入设备与回路', import: '导入', export: '导出', how_template: '用现有清单作模板：', template: '下载 XLSX（含现有设备）', how_fill: '每行一个设备或回路（“类型”列）。场所和区域可填编号或名称；编号留空自动生成；已有编号则更新。', how_check: '选择文件后先检查、不改动；全部正确才能导入，要么全部成功，要么都不改。回路类别与试分不在表内，导入的回路在登记试分前不会被断电。',
    choose: '选择 CSV 或 XLSX 文件', drop: '或拖到这里', too_large: '文件超过 8 MB', bad: '{n} 处错误', new: '新增 {n}', changed: '修改 {n}', same: '不变 {n}', go: '导入 {n} 行', mend: '请在文件中改正以下各处，再重新选择该文件。未做任何改动。', row: '行', column: '列', given: '填写内容', allowed: '应为', blank: '（空）', more_bad: '另有 {n} 处未列出',
    nothing: '文件内容与现有清单相同，没有需要导入的行。', act: '操作', act_new: '新增', act_changed: '修改', kind_device: '设备', kind_circuit: '回路', columns: '变更的列', done: '已导入：新增 {new}，修改 {changed}，不变 {same}', see: '查看设备',
  },
  column: {
    type: '类型', id: '编号', site_id: '场所', zone_id: '区域', name: '名称', kind: '设备类型', codec: '协议', address: '地址', gateway_id: '网关编号', interval_s: '上报间隔秒', link: '链路', calibrated_until: '检定有效期至', service_until: '使用年限至', device_id: '断路器编号', channel: '通道', tenant: '商户', panel: '配电箱',
    rated_a: '额定电流', poles: '相', permit_until: '不断电许可至', trial: '现场试分',
  },
  decode: {
    title: '报文解析', why: '粘贴一条 MQTT 消息，查看各协议如何解读；不会写入任何数据。', example: '示例 {n}', topic: '主题', payload: '内容', go: '解析', hex: '内容是十六进制', not_hex: '不是十六进制', taken_by: '由 {codec} 解析', nobody: '没有协议接收此主题', known: '设备 {id}', unknown: '未登记的设备', metric: '测点', name: '名称', value: '值', taken: '测量时间',
    on_arrival: '按到达时间', no_readings: '没有读数。', confirmation: '指令回执', refused: '被拒绝的部分',
  },
  history: { export: '导出', title: '导出读数', why: '该设备在所选时段内的全部原始读数，含测点、时间和单位；超出原始数据保留期的不在其中。', start: '生成文件', waiting: '等待其他导出', running: '已导出 {n} 条读数', done: '共 {n} 条读数', failed: '未能生成，原因见服务日志', file: '下载（{size}）' },
  link: { wired: '有线', zigbee: 'Zigbee', lora: 'LoRa', nb: 'NB-IoT' },
  span: { h0_25: '15分钟', h1: '1小时', h6: '6小时', h24: '24小时', h168: '7天' },
  rule: {
    new: '新建规则', watches: '监测量', levels: '级别与限值', hold: '持续', clear_hold: '恢复持续', latched: '锁存', version: '版本', enabled: '启用', disabled: '停用', deadband: '回差 {n}', silence_of: '超过 {n} 个上报周期无数据', whole_device: '整个设备', scope: '范围',
    everything: '全部', not_json: 'JSON 格式错误',
  },
  rule_kind: { level: '限值', state: '状态', silence: '失联' },
  user: {
    new: '新增用户', email: '邮箱', grants: '角色与范围', role: '角色', active: '正常', disabled: '已停用', enable: '启用', disable: '停用', everywhere: '全部', password: '初始密码（至少10位）', new_password: '新密码（留空不变）', add_grant: '增加角色',
  },
  role: { operator: '值班员', manager: '管理员（场所）', enterprise: '企业人员', supervisor: '监管人员', administrator: '系统管理员' },
  node: { all: '全部', district: '辖区', enterprise: '企业', site: '场所' },
  problem: {
    unreachable: '连接不到服务器；如为操作，不知道是否已执行', 'not-found': '没有找到', 'illegal-transition': '当前状态不允许该操作', 'request-refused': '请求被拒绝', conflict: '已被他人修改', 'records-unavailable': '记录库暂不可用', busy: '服务繁忙，未执行', incomplete: '填写不完整', 'illegal-step': '隐患当前状态不允许该操作', 'bad-cursor': '翻页位置已失效', 'bad-key': '请求标识无效',
    invalid: '填写有误', forbidden: '没有权限', 'not-signed-in': '请先登录', csrf: '页面已失效，请刷新', 'reauth-required': '需要再次输入密码', 'second-person': '第二人授权无效', internal: '服务内部错误', 'key-reused': '请求标识重复', denied: '账号或密码错误',
    'too-many-attempts': '尝试次数过多，请稍后再试', 'not-empty': '仍有下级内容', 'bad-rows': '文件中有错误，未做任何改动', 'too-long': '内容过长',
  },
}
