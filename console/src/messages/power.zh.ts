/** 断送电各页面的中文文字；键与 power.en.ts 完全一致（有测试）。 */
export const powerZh = {
  page: { power: '用电总览', plans: '断电方案', plan: '断电方案', runs: '断电执行', run: '断电执行' },
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
    new: '新建方案', none: '还没有断电方案。', next: '下次执行', never: '不会执行', when: '何时', what: '断哪些', how: '怎么断', name: '方案名称', name_en: '英文名称（可空）', at_fixed: '每天固定时间', at_close: '按营业日历，闭店后', minutes: '{n} 分钟', minute_unit: '分钟', second_unit: '秒', ms_unit: '毫秒', calendar: '营业日历', no_calendar: '不用日历',
    calendar_why: '有营业日历时，特殊营业日自动推迟到当天闭店以后。', weekdays: '星期', on_holidays: '节假日也执行', stage_n: '第 {n} 批', add_stage: '增加一批', stage_name: '这一批的名称', classes: '类别', zones: '区域（含下级）', tenants: '商户', circuits: '指定回路', pause: '与上一批间隔', stage_why: '填写多项时须同时符合；指定回路则直接加入。消防、生命安全和未分类的回路任何方案都不能断。',
    excepts: '永不断开（例外）', countdown: '倒计时', stagger: '同一网关相邻指令间隔', retries: '未验证的再试轮数', retry_after: '再试前等待', notice: '提前通知商户', observation: '先观察的夜数', observation_why: '观察夜只报告将断电的回路，不下达指令。', enabled: '启用', disabled: '已停用', saved: '已保存', preview: '按现在情况预览', preview_save: '保存后可以预览清单。',
    history: '执行记录', remove_why: '删除后不再执行，执行记录保留。确定删除？', unsaved: '有未保存的修改', day0: '一', day1: '二', day2: '三', day3: '四', day4: '五', day5: '六', day6: '日', week: '周{day}', changed_elsewhere: '已被他人修改，请重新打开', nothing_chosen: '这一批没有选择任何回路',
  },
}
