"""What each figure of `alarms.figures` means, in Chinese and English, as shown beside it. docs/figures.md holds the same."""

from __future__ import annotations

# code -> (zh, en)
DEFINITIONS: dict[str, tuple[str, str]] = {
    "alarms": ("统计期内呼叫过人员的报警次数：产生、升级、解除抑制后再次报警；不含被抑制和测试的。",
               "Times that an alarm called somebody in the span: raised, stepped up, or back after suppression; "
               "suppressed ones and tests left out."),
    "mean_10min": ("报警次数 ÷ 岗位数 ÷ 统计期的10分钟数。", "Alarms by position and by 10 minutes of the span."),
    "mean_hour": ("报警次数 ÷ 岗位数 ÷ 统计期的小时数。", "Alarms by position and by hour of the span."),
    "peak_10min": ("按钟点对齐的10分钟窗口中，每岗报警最多的一个。", "The most alarms of a position in a 10-minute window of the clock."),
    "peak_hour": ("按钟点对齐的小时中，每岗报警最多的一个。", "The most alarms of a position in an hour of the clock."),
    "windows_over_10": ("每岗报警超过10条的10分钟窗口所占比例。", "Part of the 10-minute windows with more than 10 alarms a position."),
    "hours_over_30": ("每岗报警超过30条的小时所占比例。", "Part of the hours with more than 30 alarms a position."),
    "floods": ("报警泛滥：自某10分钟窗口每岗达到10条起，至某窗口少于5条止。",
               "Floods: from a 10-minute window with 10 alarms a position until one with fewer than 5."),
    "time_in_flood": ("处于泛滥中的窗口所占比例。", "Part of the windows that lie in a flood."),
    "top_ten_share": ("报警最多的十个来源（规则与对象）占全部报警的比例。",
               "Part of all alarms that come of the ten most frequent sources (rule and subject)."),
    "chattering": ("60秒内产生3次及以上的来源数。", "Sources that were raised 3 times or more within 60 s."),
    "fleeting": ("产生后60秒内自行恢复、此前无人接警的报警。", "Alarms that cleared within 60 s before anybody acknowledged them."),
    "stale": ("持续超过24小时仍未恢复的报警，取各日最大值。", "Alarms active for more than 24 h; the most on any day."),
    "duplicates": ("同一对象在另一规则报警后5秒内再次报警。",
               "Alarms of a subject on which another rule had alarmed within the 5 s before."),
    "ack_p50": ("到达至接警用时的中位数。", "Half of the alarms were acknowledged at least so soon after they arrived."),
    "ack_p95": ("95%的报警在此时间内接警。", "95 % of the alarms were acknowledged at least so soon."),
    "ack_max": ("最长的接警用时。", "The longest time from arrival to acknowledgement."),
    "verdict_p50": ("到达至给出核实结论用时的中位数。", "Half of the verdicts were given at least so soon after the alarm arrived."),
    "verdict_p95": ("95%的结论在此时间内给出。", "95 % of the verdicts were given at least so soon."),
    "share_low": ("次要与提示级别占报警的比例。", "Part of the alarms that were low or info."),
    "share_high": ("重要级别占报警的比例。", "Part of the alarms that were high."),
    "share_critical": ("紧急级别占报警的比例。", "Part of the alarms that were critical."),
    "false_share": ("结论为误报或干扰的占全部结论的比例。", "Part of the verdicts that were false or nuisance."),
    "judged": ("统计期内的报警中已有核实结论的数目。", "Alarms of the span that have a verdict."),
    "suppressed": ("因搁置、屏蔽、测试区或上级故障而未呼叫人员的次数。", "Times that an alarm called nobody because it was suppressed."),
    "tests": ("带测试标记的次数。", "Times that an alarm was one of a test."),
}  # fmt: skip
