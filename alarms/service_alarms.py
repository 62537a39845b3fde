"""Alarms that the service itself raises, not a rule: power not proved off, the journal volatile, an order rejected.

They live the same life as others, in the same book. Here are only their names and the values in which other rooms wish for
them; `alarms.book.Book.raise_service` and `clear_service` carry the wishes out.
"""

from __future__ import annotations

from dataclasses import dataclass

from rules.model import Severity

RULE_PREFIX = "service:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAlarmKind:
    """What the service complains of. `guidance` says what a person can do about it."""

    code: str
    name: str
    name_en: str
    kind: str
    severity: Severity
    is_latched: bool = False
    guidance: str = ""
    guidance_en: str = ""


def _kinds(*kinds: ServiceAlarmKind) -> dict[str, ServiceAlarmKind]:
    return {kind.code: kind for kind in kinds}


SERVICE_ALARMS: dict[str, ServiceAlarmKind] = _kinds(
    ServiceAlarmKind(
        code="power_not_proved",
        name="断电未证实",
        name_en="Power not proved off",
        kind="power",
        severity=Severity.HIGH,  # critical when it still draws: the wish says so
        guidance="视为带电。派人到场确认开关位置并验电，必要时在上级开关分闸。",
        guidance_en="Treat as live. Send someone to check the switch and test for voltage; open the upstream switch if needed.",
    ),
    ServiceAlarmKind(
        code="power_cannot_prove",
        name="断电无法验证",
        name_en="Power off cannot be proved",
        kind="power",
        severity=Severity.HIGH,
        guidance="没有可用的测量值，不得当作已断电。派人现场验电，检查通信和计量。",
        guidance_en="Nothing measured tells that it is off. Test for voltage on site; check the link and the metering.",
    ),
    ServiceAlarmKind(
        code="order_rejected",
        name="断电指令被设备拒绝",
        name_en="Cut rejected by the device",
        kind="power",
        severity=Severity.HIGH,
        guidance="线路仍带电。到现场手动分闸，或在上级开关分闸。",
        guidance_en="The circuit is still live. Open it by hand on site, or open the upstream switch.",
    ),
    ServiceAlarmKind(
        code="order_expired",
        name="断电指令过期未发出",
        name_en="Cut expired unsent",
        kind="power",
        severity=Severity.HIGH,
        guidance="与设备的连接中断期间指令过期。核实现场后重新下达，或手动分闸。",
        guidance_en="The order expired while the broker was out of reach. Check the site, then order again or open by hand.",
    ),
    ServiceAlarmKind(
        code="still_drawing",
        name="闭店后仍在用电",
        name_en="Still drawing after closing",
        kind="power",
        severity=Severity.HIGH,
        guidance="派人到店核实：是否有人、何种用电。无人则在现场或配电箱断电并查明原因；确需用电的办理延时用电申请。",
        guidance_en="Send someone to the shop: is anybody there, and what draws? If nobody, cut it on site and find the cause.",
    ),
    ServiceAlarmKind(
        code="run_missed",
        name="断电方案未按时执行",
        name_en="Closing-time plan not run",
        kind="power",
        severity=Severity.HIGH,
        guidance="系统不会自行补做。核实商铺是否仍有人，再决定立即执行或放弃。",
        guidance_en="It is not run late by itself. See whether anybody is still in the shops, then decide to run it now or not.",
    ),
    ServiceAlarmKind(
        code="permit_overdue",
        name="作业票超期未关闭",
        name_en="Work permit overdue",
        kind="power",
        severity=Severity.HIGH,
        guidance="立即停止作业，核实人员是否已撤离；完工验收后关闭作业票，继续作业须重新办理。",
        guidance_en="Stop the work at once and see that everybody has left; complete and close the permit. To go on, apply for a new one.",
    ),
    ServiceAlarmKind(
        code="permit_24h_ends",
        name="24小时用电许可即将到期",
        name_en="24 h permit ends soon",
        kind="power",
        severity=Severity.LOW,
        guidance="联系租户：续办许可，或到期后由闭店方案断电。",
        guidance_en="Ask the tenant: renew the permit, or closing-time plans cut the circuit once it has ended.",
    ),
    ServiceAlarmKind(
        code="plan_notice",
        name="即将执行断电方案",
        name_en="Closing-time plan is about to run",
        kind="power",
        severity=Severity.INFO,
        guidance="通知租户收尾；确需用电的在执行前提交延时用电申请。",
        guidance_en="Tell the tenants to finish. Whoever must stay on asks for it before the plan runs.",
    ),
    ServiceAlarmKind(
        code="cut_refused",
        name="自动断电被闭锁",
        name_en="Automatic cut refused by an interlock",
        kind="power",
        severity=Severity.HIGH,
        guidance="联动要求断电但被闭锁条件拒绝，原因见指令。由人员判断并现场处置。",
        guidance_en="A linkage wanted this circuit cut and an interlock refused: the order says why. A person must decide on site.",
    ),
    ServiceAlarmKind(
        code="restore_unknown",
        name="送电结果未知",
        name_en="Restore with unknown result",
        kind="power",
        severity=Severity.HIGH,
        guidance="送电指令可能已执行。视为带电，现场核实后再决定。",
        guidance_en="The restore may have been carried out. Treat as live; look on site before deciding.",
    ),
    ServiceAlarmKind(
        code="orders_full",
        name="未完成指令过多",
        name_en="Too many open orders",
        kind="service",
        severity=Severity.CRITICAL,
        guidance="新的自动断电被拒绝。检查与设备的连接，人工处置。",
        guidance_en="New automatic cuts are refused. Check the link to the devices; act by hand.",
    ),
    ServiceAlarmKind(
        code="journal_volatile",
        name="日志无法写入，状态未持久",
        name_en="Journal cannot be written",
        kind="service",
        severity=Severity.CRITICAL,
        guidance="磁盘已满或故障。释放空间；期间报警未记录，不执行自动断电。",
        guidance_en="The disk is full or broken. Free space; until then alarms are not recorded and nothing is cut automatically.",
    ),
    ServiceAlarmKind(
        code="records_behind",
        name="记录库落后",
        name_en="Records are behind",
        kind="service",
        severity=Severity.LOW,
        guidance="数据库不可达。报警与断电照常，恢复后自动补记。",
        guidance_en="The database is out of reach. Alarms and cuts go on; it catches up by itself.",
    ),
    ServiceAlarmKind(
        code="historian_backlog",
        name="历史库积压",
        name_en="Historian backlog",
        kind="service",
        severity=Severity.LOW,
        guidance="历史库写入落后；超出上限将丢弃最旧的遥测数据。",
        guidance_en="The historian is behind; beyond the bound the oldest telemetry is dropped.",
    ),
    ServiceAlarmKind(
        code="scan_overrun",
        name="扫描超时",
        name_en="Scan overrun",
        kind="service",
        severity=Severity.LOW,
        guidance="处理跟不上到达速度。检查主机负荷和设备上报频率。",
        guidance_en="The scan does not keep up with what arrives. Check the host's load and the devices' reporting rates.",
    ),
    ServiceAlarmKind(
        code="calibration_due",
        name="检定即将到期或已过期",
        name_en="Calibration due",
        kind="device",
        severity=Severity.LOW,
        guidance="安排检定或更换探测器，完成后在设备资料中登记新的检定有效期。",
        guidance_en="Have the detector calibrated or replaced, then enter the new date with the device.",
    ),
    ServiceAlarmKind(
        code="service_life_due",
        name="使用年限即将到期或已到期",
        name_en="Service life ending",
        kind="device",
        severity=Severity.LOW,
        guidance="探测器到达使用年限应报废更换；更换后登记新的使用年限。",
        guidance_en="Replace the detector at the end of its service life, then enter the new date with the device.",
    ),
    ServiceAlarmKind(
        code="disk_low",
        name="磁盘空间不足",
        name_en="Disk space is low",
        kind="service",
        severity=Severity.HIGH,
        guidance="释放磁盘空间；写满后日志无法写入，报警不再留存，自动断电停止。",
        guidance_en="Free disk space: once it is full the journal cannot be written, alarms are not kept and nothing is cut by itself.",
    ),
    ServiceAlarmKind(
        code="session_lost",
        name="消息代理丢失会话",
        name_en="The broker lost our session",
        kind="service",
        severity=Severity.LOW,
        guidance="断开期间的消息可能已丢失。检查消息代理的持久化和会话保留设置，核对关键设备当前状态。",
        guidance_en="Messages of the time away may be lost. Check the broker's persistence and session expiry, and vital devices.",
    ),
    ServiceAlarmKind(
        code="presence_missed",
        name="查岗无人应答",
        name_en="Presence check not answered",
        kind="duty",
        severity=Severity.HIGH,
        guidance="值班人员未在规定时间内应答查岗。立即电话联系值班室，必要时派人到场顶岗。",
        guidance_en="Nobody on duty answered in time. Call the control room; send somebody to take the post if nobody answers.",
    ),
    ServiceAlarmKind(
        code="alarm_path_broken",
        name="报警通路自检失败",
        name_en="Alarm path broken",
        kind="service",
        severity=Severity.CRITICAL,
        is_latched=True,
        guidance="合成报警未能按时到达屏幕或通知通道，真实报警也可能到不了。立即派人值守现场设备，并按自检记录中失败的环节检查消息代理、服务和通知。",
        guidance_en="A synthetic alarm did not get through in time; real ones may not. Watch the panels, and check the leg named.",
    ),
    ServiceAlarmKind(
        code="chattering",
        name="测点反复报警",
        name_en="Chattering point",
        kind="device",
        severity=Severity.LOW,
        guidance="该测点短时间内反复触发：检查接线、供电和安装位置，或与维保单位商定回差和延时。其报警合并为一条并计数。",
        guidance_en="It comes and goes within a minute: check wiring, supply and place, or agree on deadband and delay with maintenance. "
        "Its alarms are folded into one and counted.",
    ),
    ServiceAlarmKind(
        code="broker_lost",
        name="与消息代理的连接中断",
        name_en="Broker connection lost",
        kind="service",
        severity=Severity.CRITICAL,
        guidance="收不到任何设备数据，也无法断电。检查网络和消息代理。",
        guidance_en="Nothing is heard and nothing can be cut. Check the network and the broker.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRaise:
    """A wish: this alarm should stand. Repeated wishes with an equal or lower severity change nothing. `subject` is
    `circuit:<id>` or `service`; the place is empty for the service as a whole."""

    code: str
    subject: str
    severity: Severity | None = None  # None: that of the kind
    site_id: str = ""
    zone_id: str = ""
    device_id: str = ""
    value: float | None = None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClear:
    """A wish: this alarm's condition is over. Nothing happens when it does not stand."""

    code: str
    subject: str
    note: str = ""


def service_rule_id(code: str) -> str:
    """The rule id under which the book keeps a service alarm."""
    return RULE_PREFIX + code
