/** 断送电各页面的中文文字；键与 power.en.ts 完全一致（有测试）。 */
export const powerZh = {
  page: { power: '用电总览', plans: '断电方案', plan: '断电方案', runs: '断电执行', holds: '延时·锁定·作业', mornings: '早间送电', run: '断电执行' },
  power: {
    off_already: '（其中 {n} 个现已断电）', not_in_plan: '不在此方案内：', tonight: '今晚断电', no_plan: '本场所没有启用的断电方案，闭店后不会自动断电。', new_plan: '新建断电方案', at: '{at} 执行', in: '{span} 后', covers: '涉及 {n} 个回路', goes_dark: '将断电 {n} 个回路', stays_on: '保持供电 {n} 个', shops: '{n} 家商户', why_stays: '保持供电的原因', what_dark: '将断电的回路',
    observing: '观察运行：今晚不会真的断电', preview: '查看明细', skip: '今晚跳过', run_now: '立即执行', live: '正在执行', asks: '等待决定', drawing: '闭店后仍在用电', drawing_none: '没有', drawing_since: '已持续 {span}', now: '现在的用电', total: '合计功率', on: '合闸用电', off: '实测已断电',
    says_open: '分闸·未验证', contradicts: '显示分闸但有电流', unheard: '没有收到数据', count: '回路数', by_class: '按类别', by_place: '按楼层与区域', floor: '楼层', other_floor: '未标楼层', cut_site: '整个场所断电', cut_floor: '本层断电', cut_zone: '断电', open_zone: '看回路', close_zone: '收起',
    unheard_why: '没有收到数据的回路情况未知，不等于已断电。', all_circuits: '全部回路', no_circuits: '本场所没有回路。', asked_stay: '申请延时用电', last_run: '最近一次', none_yet: '还没有执行过', monitor_only: '仅监测：本场所尚未开启远程操作，任何方式都不会断电。', shop_phone: '电话', loading_plan: '正在计算今晚的清单…',
  },
  reach: {
    title: '断电：{place}', whole: '整个场所', floor_of: '{floor} 层', reading: '正在核对将断电的回路…', dark: '将断电：{n} 个回路', shops: '{n} 家商户受影响：{names}', unmeasured: '其中 {n} 个回路无功率测量，实际负荷未知', stays: '保持供电：{n} 个回路', none_stays: '没有', excepted: '本次不断（人工排除）', except: '不断此回路', take_back: '撤销排除',
    nothing: '没有可以断电的回路', changed: '排除有变动，请重新核对清单', recheck: '重新核对', digits: '输入清单上的四位数字', digits_show: '清单校验码', digits_why: '校验码与上面这份清单绑定，两分钟内有效。', digits_left: '剩余 {span}', digits_over: '清单已过期，请重新核对', second_why: '回路较多，需另一位有权限的人用本人账号授权。',
    countdown: '倒计时', at_once: '立即', seconds: '{n} 秒后', hold: '按住 1.5 秒：断开 {n} 个回路', sending: '正在下达…', search: '找回路或商户', more: '另有 {n} 个，全部显示',
  },
  run: {
    again: '待重试', stage_col: '批次', none: '还没有执行记录。', of_plan: '按方案', by_calendar: '按计划自动', by: '发起', second: '第二人', why: '事由', night: '日期', began: '开始', ended: '结束', took: '用时', progress: '进程', starts_in: '{span} 后开始断电', abort: '中止', abort_why: '中止的原因', abort_default: '值班员中止', abort_what: '未下达的不再下达；已下达的继续到有结果。',
    stage: '第 {n} / {of} 批', round: '第 {n} 轮', proved_of: '已实测断电 {n} / {of}', of_watts: '实测断开 {gone}（断前合计 {before}）', stubborn: '未断开的回路（请现场处理）', stubborn_none: '到目前为止没有', all: '全部', rows_more: '另有 {n} 个，全部显示', before: '断前', after: '断后', took_s: '{n} 秒', way: '进程',
    report: '打印报告', csv: 'CSV', json: 'JSON', decide: '需要决定', decide_why: '该次断电没有按时执行，不会自行补做。现在执行，还是不执行？', go: '现在执行', not_go: '不执行', until: '{at} 前有效，之后视为不执行', kind_plan: '定时方案', kind_plan_now: '人工执行方案', kind_click: '一键断电', list: '执行记录', month: '月报', month_of: '月份',
    nights: '方案夜数', nights_run: '已执行', nights_missed: '错过/未执行', nights_skipped: '跳过', nights_observed: '观察', share: '实测断电率', orders: '断电回路·次', energy: '少用电量（估算）', energy_why: '估算：断电前功率 × 从验证断电到次日开门的小时数，不是计量值。', disobey: '不听指令的回路', disobey_nights: '{n} 夜', disobey_none: '本月没有',
    calendar: '每夜结果', no_night: '无', open_run: '打开', unknown_shop: '未填商户', restore: '明早送电清单', waiting_start: '等待开始', first_seen: '该方案从未执行过：需要第二人授权。', skip_title: '跳过一夜', skip_date: '日期', skip_done: '已登记：{date} 不执行', run_title: '立即执行方案：{name}', run_why: '倒计时 {n} 秒内可以中止。',
    offline: '连接中断：下面不是最新情况', present_on: '当前仍有 {w}',
  },
  run_state: { countdown: '倒计时', running: '执行中', retrying: '重试中', done: '完成', aborted: '已中止', missed: '错过·待决定', interrupted: '中断·待决定', declined: '未执行', observed: '观察运行', skipped: '已跳过' },
  item_state: { waiting: '等待', ordered: '已下令', proved: '实测已断电', unproved: '已分闸未验证', failed: '未断开', left_on: '保持供电', would_cut: '将会断电', dropped: '未下令', already_off: '原已断电', simulated: '模拟' },
  plan: {
    with_unit: '{name}（{unit}）', new: '新建方案', none: '还没有断电方案。', next: '下次执行', never: '不会执行', when: '何时', what: '断哪些', how: '怎么断', name: '方案名称', name_en: '英文名称（可空）', at_fixed: '每天固定时间', at_close: '按营业日历，闭店后', minutes: '{n} 分钟', minute_unit: '分钟', second_unit: '秒', ms_unit: '毫秒', calendar: '营业日历', no_calendar: '不用日历',
    calendar_why: '有营业日历时，特殊营业日自动推迟到当天闭店以后。', weekdays: '星期', on_holidays: '节假日也执行', stage_n: '第 {n} 批', add_stage: '增加一批', stage_name: '这一批的名称', classes: '类别', zones: '区域（含下级）', tenants: '商户', circuits: '指定回路', pause: '与上一批间隔', stage_why: '填写多项时须同时符合；指定回路则直接加入。消防、生命安全和未分类的回路任何方案都不能断。',
    excepts: '永不断开（例外）', countdown: '倒计时', stagger: '同一网关相邻指令间隔', retries: '未验证的再试轮数', retry_after: '再试前等待', notice: '提前通知商户', observation: '先观察的夜数', observation_why: '观察夜只报告将断电的回路，不下达指令。', enabled: '启用', disabled: '已停用', saved: '已保存', preview: '按现在情况预览', preview_save: '保存后可以预览清单。',
    history: '执行记录', remove_why: '删除后不再执行，执行记录保留。确定删除？', unsaved: '有未保存的修改', day0: '一', day1: '二', day2: '三', day3: '四', day4: '五', day5: '六', day6: '日', week: '周{day}', changed_elsewhere: '已被他人修改，请重新打开', nothing_chosen: '这一批没有选择任何回路',
  },
  hold: {
    title: '延时·锁定·作业', stay_ons: '延时用电', locks: '锁定挂牌', permits: '作业票', none_stay: '没有延时用电申请。', none_lock: '没有锁定。', none_permit: '没有未结束的作业票。', shop: '商户', until: '至', asked_by: '申请人', phone: '电话', approve: '批准', refuse: '不批准', end: '提前结束', decide_note: '给商户的说明', by_qr: '扫码', by_sms: '短信验证', by_user: '代为登记',
    new_stay: '代商户登记', link: '商户二维码链接', link_why: '打印成二维码贴在商户内：可申请延时用电，早上可确认有人。', link_days: '有效天数', link_make: '生成链接', link_until: '有效至 {at}', copy: '复制', copied: '已复制', new_lock: '锁定回路', lock: '锁定', unlock: '解锁', lock_work: '检修上锁（LOTO）', lock_veto: '禁止操作', number: '锁/牌编号', purpose: '类型', unlock_why: '他人的锁只能由管理员写明理由后解除。',
    lock_why: '锁定期间任何方式都不能操作该回路。', locked_by: '上锁人', at: '时间', trip: '保护跳闸：须现场复位', reset: '登记现场复位', reset_cause: '跳闸原因与处理', reset_person: '现场人员（不是本人时）', over: '也看已结束的', is_locked: '已锁定', standing: '目前锁定', off: '已解除',
  },
  stay_state: { asked: '待批准', approved: '已批准', refused: '未批准', ended: '已结束' },
  permit: {
    new: '申报作业', kind: '作业类型', level: '动火级别', level_special: '特级', level_1: '一级', level_2: '二级', title: '作业名称', content: '作业内容', worker: '作业人', contractor: '施工单位', guardian: '监护人', guardian_phone: '监护人电话', promise: '安全承诺', from: '开始', until: '结束', zone: '作业区域', gas_test: '气体检测', place: '检测部位', combustible: '可燃气体 %VOL', lel: '爆炸下限 %VOL', o2: '氧气 %VOL', toxic: '有毒气体',
    passed: '合格', not_passed: '不合格', tests: '检测记录', signed: '签字', note: '内容', default_promise: '已落实全部安全措施，按票作业', suspended_by_gas: '气体报警：已暂停', due: '剩余 {span}', over: '已超期 {span}',
  },
  permit_kind: { hot_work: '动火', confined_space: '受限空间', blind_plate: '盲板抽堵', height: '高处', lifting: '吊装', temporary_power: '临时用电', earthwork: '动土', road_closure: '断路' },
  permit_state: { applied: '已申报', assessed: '已辨识', checked: '已核查', approved: '已审批', working: '作业中', suspended: '已暂停', completed: '待验收', overdue: '超期', closed: '已关闭', void: '已作废' },
  permit_act: { assess: '危害辨识 (JSA)', check: '现场核查', approve: '审批', start: '开始作业', suspend: '暂停', resume: '恢复作业', complete: '完工', close: '验收关闭', void: '作废' },
  morning: {
    title: '早间送电', none: '没有进行中的送电批准。', approve: '批准明早送电', approve_why: '两人批准一次；之后每家商户有人在场确认后才逐路送电。期间有报警、跳闸或锁定的回路不送。', hours: '有效小时', until: '批准有效至', present: '有人在场', confirm: '确认有人，送电', person: '在场人姓名', end: '结束批准', end_reason: '结束原因', of: '已送电 {n} / {of}', waiting_shops: '等待有人确认', by_phone: '第二人通过电话授权', phone_user: '第二人用户编号',
    phone_number: '拨打的号码', phrase: '对方说的口令', by: '批准', second: '第二人', no_shop: '公共回路', restores: '送电', blocked: '保持断电',
  },
  part_state: { waiting: '等待有人', confirmed: '已确认', ordered: '送电中', proved: '实测已送电', unproved: '未验证', failed: '未成功', blocked: '不送电', lapsed: '逾期未确认' },
  shop: {
    title: '{name}', stay: '申请延时用电', until: '用到几点', reason: '原因', name: '您的姓名', phone: '手机号', get_code: '获取验证码', code: '验证码', code_sent: '验证码已发送', send: '提交申请', sent: '申请已提交，等待物业批准。批准前不会保留用电。', morning: '早上好：可以送电', morning_why: '确认店内有人，并已检查用电设备（电熨斗、电炉等）均已关闭。', checked: '我已在店内检查', energise: '有人在店，请送电', energised: '已确认，正在逐路送电。', circuits: '本店回路', on: '有电', off: '已断电', unknown: '未知',
    requests: '我的申请', tomorrow: '次日', bad_link: '链接无效或已过期，请联系物业。', waiting: '可送电',
  },
}
