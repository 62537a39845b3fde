/** Texts of the hazard ledger's pages, in Chinese. */
export const hazardsZh = {
  hazard: {
    chain: '核查链', said: '{who} 已核查', not_said: '未核查', place: '部位', clause: '判定依据', aspect: '隐患类型', unit: '责任单位', control: '临时管控措施', clean_h: '约定无报警时长（小时）', clean_since: '测点无报警自', in_alarm: '测点仍在报警',
    returned: '退回 {n} 次', submissions: '第 {n} 次申请复查', extensions: '延期申请', until: '延期至', granted: '已同意', refused: '未同意', undecided: '待审批', reason: '理由', supervision: '挂牌督办', listed: '挂牌', body: '督办单位', list_number: '挂牌编号', contact: '联系人', notice: '公示情况',
    lifted: '已摘牌', progress: '进展报告', shutdown: '停产停业', extent: '范围', partial: '局部停产', full: '全部停产', shut_since: '自 {at} 起', shut_until: '，{at} 恢复', files: '照片与附件', before: '整改前', after: '整改后', other: '其他', add_before: '上传整改前照片', add_after: '上传整改后照片', add_other: '上传附件（照片或 PDF）',
    no_files: '还没有照片。', reminders: '提醒', told: '通知 {n} 条', rectifiers: '整改人链接', rectifier_for: '整改人姓名', make_link: '生成链接', link_once: '链接只显示这一次，请立即发给整改人：', copy: '复制', revoke: '作废', print_notice: '打印整改通知单', print_acceptance: '打印复查验收单', parts: '拆分出的隐患', merged_in: '并入的隐患', split_from: '拆分自',
    major: '重大隐患报告与治理方案', save_view: '保存筛选', view_name: '筛选名称', views: '我的筛选', export: '导出台账', import: '导入台账', rows_good: '共 {rows} 行，可导入 {good} 行', record_all: '全部导入', recorded: '已导入 {n} 条', row: '行', regions: '区域', ages: '未闭环时长', listed_only: '挂牌督办中', unlisted: '重大未挂牌', fix: '立查立改',
    fix_why: '发现即整改：整改前、整改后各一张照片，由他人批量验收。', fixed: '提交', accept_many: '批量销号', refused_many: '未能销号', district: '区域', origin: '来源信息', version: '上报表单', party_note: '核查意见', link_ended: '链接已失效，请联系发送人。', rectify_title: '隐患整改', done_words: '整改情况', send: '提交复查', sent: '已提交，谢谢。', take_photo: '拍整改后照片', orders: '关联指令',
  },
  hazard_age: { day: '1 天内', week: '1–7 天', month: '7–30 天', quarter: '30–90 天', older: '90 天以上' },
  hazard_stage: { soon: '即将到期', overdue: '已超期', escalated: '升级一级', highest: '升级至最高' },
  hazard_link: { open: '有效', expired: '已过期', revoked: '已作废', used: '已使用' },
  hazard_act: {
    fix: '立查立改', control: '临时管控', vouch: '核查意见', extend: '申请延期', grant: '同意延期', refuse: '不同意延期', supervise: '挂牌督办', progress: '进展报告', shut_down: '停产停业', resume: '恢复生产', split: '拆分', link: '关联', unlink: '取消关联', attach: '上传附件',
  },
  party: { enterprise: '企业自查', agency: '机构协查', grid: '网格核查', government: '政府监管' },
  aspect: { on_site: '现场类', management: '基础管理类' },
  major: { situation: '现状与成因', harm: '危害与整改难度', goals: '目标任务', methods: '方法措施', resources: '经费物资', organisation: '机构人员', limits: '时限要求', safety: '安全措施与应急预案' },
  origin: { checker: '检查人', check_list: '检查表', agency: '服务机构', expert: '专家', visit: '服务记录', member: '网格员', grid: '网格', body: '检查部门', document: '文书编号', inspector: '执法人员', channel: '举报渠道', tracking: '查询码' },
}
