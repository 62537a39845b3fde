/** Keys, sessions, links and the audit, in Chinese. */
export const accessZh = {
  page: { keys: '密钥', audit: '审计', account: '我的账号', welcome: '设置密码' },
  role: { agency: '服务机构', grid: '网格员' },
  user: { invite: '邀请', reset: '重置密码', remove: '删除', never: '从未', last: '最近登录', no_password: '已邀请', must_change: '待改密码', remove_sure: '删除此人？历史记录中保留姓名，权限、密码和会话全部取消。', link_once: '此链接只显示这一次，只能用一次，{until} 前有效。请用可靠的方式交给本人。' },
  key: { new: '新建密钥', prefix: '密钥', acts: '可做', places: '范围', used: '最近使用', expires: '到期', rate: '每分钟请求数', revoke: '吊销', revoke_sure: '吊销此密钥？使用它的机器立即被拒绝，不可恢复。', once: '密钥只显示这一次，请复制到机器中；此处只保存其散列值。', by: '创建人', site: '场所', everywhere: '全部', never: '不过期', days: '有效天数（留空：不过期）', note: '备注', good: '有效', expired: '已过期', revoked: '已吊销', copy: '复制', none: '还没有密钥' },
  account: { sessions: '登录位置', this: '本次', end: '结束', end_others: '结束其他全部', seen: '最近使用', from: '来自', present: '现密码', next: '新密码', again: '再次输入新密码', change: '修改密码', changed: '密码已修改，已结束其他 {n} 个会话。', differ: '两次输入不一致', chosen: '密码已设置，请用它登录。', for: '{login}（{name}）的密码' },
  audit: { at: '时间', who: '谁', what: '操作', kind: '类别', thing: '对象', from: '从', to: '到', check: '校验链', whole: '链完整：{n} 条，第 {first} 至 {last} 条。', broken: '链已损坏：{problem}', head: '链首散列（请另存他处）', known: '与他处保存的散列比对（编号:散列）', before: '之前', after: '之后', hash: '散列', service: '系统', more: '更多', none: '没有符合的记录' },
}
