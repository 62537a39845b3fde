"""The `sitewarden` command: one parser, one function a command. Exit 0 on success, 2 on bad usage, 1 otherwise with one clear line.

It parses and prints; what a command does stands in the module that it calls.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from app.audit import add_commands as audit_commands
from app.settings import CommandError, UsageError, load


def main(argv: list[str] | None = None) -> int:
    """Entry point of the console script."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING - 10 * min(arguments.verbose, 2), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except UsageError as error:
        parser.error(str(error))
    except CommandError as error:
        print(f"sitewarden: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sitewarden", description="Monitoring and alarm linkage for enterprise sites.")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="more log lines (-vv for all)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="a sample mall and a sample factory, live, with simulated devices and a story")
    demo.add_argument("--port", type=int, default=8000, help="HTTP port; the next free one is taken when it is not (default 8000)")
    demo.add_argument("--seconds", type=float, help="stop by itself after so long, with a summary")
    demo.add_argument("--speed", type=float, default=1.0, help="how many times faster the story runs (default 1)")
    demo.add_argument("--data-dir", type=Path, help="keep the demo's data here (default: a temporary folder)")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="the service, from settings (SITEWARDEN_* or sitewarden.toml)")
    serve.set_defaults(run=_serve)

    simulate = commands.add_parser("simulate", help="a simulated plant against any broker")
    simulate.add_argument("scenario", help="mall, factory, crowd; closing-time: a whole night of 2,000 circuits on a service of its own")
    simulate.add_argument("--mqtt", metavar="URL", help="broker (default mqtt://127.0.0.1:1883; closing-time brings its own)")
    simulate.add_argument("--devices", type=int, help="so many devices (default: the scenario's own); of closing-time: circuits")
    simulate.add_argument("--rate", type=float, help="readings a second (default: as the devices report)")
    simulate.add_argument("--seconds", type=float, help="stop after so long (default: until interrupted)")
    simulate.add_argument("--seed", type=int, default=1)
    simulate.set_defaults(run=_simulate)

    publish = commands.add_parser("publish", help="publish one native reading")
    publish.add_argument("device", help="SITE/DEVICE, or DEVICE alone for the demo's mall")
    publish.add_argument("readings", nargs="+", metavar="METRIC=VALUE")
    publish.add_argument("--mqtt", metavar="URL", help="broker (default: SITEWARDEN_MQTT_URL)")
    publish.set_defaults(run=_publish)

    decode = commands.add_parser("decode", help="what the codecs make of a message, without a broker")
    decode.add_argument("topic", nargs="?", help="topic of the payload in --file (or standard input)")
    decode.add_argument("--file", type=Path, metavar="F", help="payload (default: standard input)")
    decode.add_argument(
        "--jsonl", type=Path, metavar="F", help='lines of {"topic", "payload" or "payload_b64", "retain", "qos", "arrived_ms"}'
    )
    decode.set_defaults(run=_decode)

    database = commands.add_parser("db", help="the records database")
    database.add_argument("act", choices=["upgrade"])
    database.set_defaults(run=_database)

    users = commands.add_parser("users", help="people who may sign in")
    acts = users.add_subparsers(required=True, metavar="ACT")
    add = acts.add_parser("add", help="add a person; the password is asked for, or read from standard input")
    add.add_argument("login")
    add.add_argument("--name", default="")
    add.add_argument("--email", default="")
    add.add_argument(
        "--role", required=True, choices=["operator", "manager", "enterprise", "agency", "grid", "supervisor", "administrator"]
    )
    add.add_argument("--on", default="all", metavar="NODE", help="all, district:ID, enterprise:ID or site:ID (default all)")
    add.set_defaults(run=_users_add)
    passwd = acts.add_parser("passwd", help="set a person's password")
    passwd.add_argument("login")
    passwd.set_defaults(run=_users_passwd)

    devices = commands.add_parser("devices", help="the register of devices and circuits as a CSV or XLSX file")
    device_acts = devices.add_subparsers(required=True, metavar="ACT")
    taken = device_acts.add_parser("import", help="all that the file says, or every wrong cell of it and nothing done")
    taken.add_argument("file", type=Path, metavar="FILE")
    taken.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    taken.set_defaults(run=_devices_import)
    given = device_acts.add_parser("export", help="in the columns that an import reads")
    given.add_argument("file", type=Path, metavar="FILE", help="ending in .csv or .xlsx")
    given.add_argument("--language", choices=["en", "zh"], default="en", help="of the header (default en)")
    given.set_defaults(run=_devices_export)

    history = commands.add_parser("history", help="what the historian keeps")
    history_acts = history.add_subparsers(required=True, metavar="ACT")
    exported = history_acts.add_parser("export", help="raw readings of a span as a CSV or Parquet file")
    exported.add_argument("file", type=Path, metavar="FILE", help="ending in .csv or .parquet")
    exported.add_argument("--from", dest="from_ms", type=_instant, required=True, metavar="T", help="such as 2026-11-22T08:00:00+08:00")
    exported.add_argument("--to", dest="to_ms", type=_instant, required=True, metavar="T", help="exclusive")
    exported.add_argument("--point", action="append", default=[], metavar="DEVICE:METRIC", help="only these (may be repeated)")
    exported.add_argument("--device", action="append", default=[], metavar="DEVICE", help="only these devices' points (may be repeated)")
    exported.set_defaults(run=_history_export)

    tried = commands.add_parser(
        "backtest",
        help="a rule against stored history, or against a file of readings",
        description="""Prints the findings that the rule would have made, one JSON line each: point, edge (raised, stepped, cleared), level
        (counted from 0, the mildest; -1 when cleared), at_ms, value. With --readings there is no register of devices: every point of the
        file belongs to a device that the rule's scope is taken to cover by kind and zone, and by site where the file names none.""",
    )
    tried.add_argument("rule", type=Path, metavar="RULE.yaml", help="one rule, or a list of rules of which --rule names one")
    tried.add_argument("--rule", dest="rule_id", metavar="ID", help="which rule of the file")
    tried.add_argument("--from", dest="from_ms", type=_moment, metavar="T", help="such as 2026-11-22T08:00:00+08:00, or milliseconds")
    tried.add_argument("--to", dest="to_ms", type=_moment, metavar="T", help="exclusive")
    tried.add_argument(
        "--readings", type=Path, metavar="FILE.csv", help="with the columns point (DEVICE:METRIC or SITE/DEVICE:METRIC), taken_ms, value"
    )
    tried.set_defaults(run=_backtest)

    audit_commands(commands)

    doctor = commands.add_parser("doctor", help="settings, and what of the outside can be reached and trusted")
    doctor.set_defaults(run=_doctor)
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    from app.demo import run

    return run(port=arguments.port, seconds=arguments.seconds, speed=arguments.speed, data_dir=arguments.data_dir)


def _serve(arguments: argparse.Namespace) -> int:
    from app.service import serve

    return serve(load())


def _simulate(arguments: argparse.Namespace) -> int:
    if arguments.scenario == "closing-time" and arguments.mqtt is None:
        from app.closing_time import run as run_night

        return run_night(arguments.devices or 2_000, arguments.seconds, arguments.seed)
    from app.simulate import run

    return run(
        arguments.scenario, arguments.mqtt or "mqtt://127.0.0.1:1883", arguments.devices, arguments.rate, arguments.seconds, arguments.seed
    )


def _publish(arguments: argparse.Namespace) -> int:
    from app.publishing import publish

    print(publish(arguments.mqtt or load().mqtt_url, arguments.device, arguments.readings))
    return 0


def _decode(arguments: argparse.Namespace) -> int:
    from app.decoding import Codecs, decode_file, decode_jsonl

    if (arguments.topic is None) == (arguments.jsonl is None):
        raise CommandError("decode wants either a TOPIC (with --file or standard input) or --jsonl FILE")
    codecs = Codecs(load())
    lines = decode_jsonl(codecs, arguments.jsonl) if arguments.jsonl is not None else decode_file(codecs, arguments.topic, arguments.file)
    for line in lines:
        print(line)
    return 0


def _database(arguments: argparse.Namespace) -> int:
    from app.people import upgrade

    print(f"the records are at revision {upgrade(load())}")
    return 0


def _users_add(arguments: argparse.Namespace) -> int:
    from app.people import add

    print(add(load(), arguments.login, arguments.name, arguments.email, arguments.role, arguments.on))
    return 0


def _users_passwd(arguments: argparse.Namespace) -> int:
    from app.people import set_password

    print(set_password(load(), arguments.login))
    return 0


def _devices_import(arguments: argparse.Namespace) -> int:
    from app.registering import import_file

    print(import_file(load(), arguments.file, arguments.dry_run))
    return 0


def _devices_export(arguments: argparse.Namespace) -> int:
    from app.registering import export_file

    print(export_file(load(), arguments.file, arguments.language))
    return 0


def _instant(text: str) -> int:
    from api.shapes.times import to_ms

    try:
        return to_ms(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _history_export(arguments: argparse.Namespace) -> int:
    from app.history_export import export_history, shown

    span = arguments.from_ms, arguments.to_ms
    print(export_history(load(), *span, arguments.file, arguments.point, arguments.device, shown(sys.stderr)))
    return 0


def _moment(text: str) -> int:
    """As `_instant`, or milliseconds as they stand in files of readings."""
    return int(text) if text.isdigit() else _instant(text)


def _backtest(arguments: argparse.Namespace) -> int:
    from app.backtest_command import read_rule, try_file, try_history
    from app.history_export import shown

    from_ms, to_ms = arguments.from_ms, arguments.to_ms
    if arguments.readings is None and (from_ms is None or to_ms is None):
        raise UsageError("backtest wants --from and --to, or a file of readings by --readings")
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise UsageError("--from must lie before --to")
    rule, others = read_rule(arguments.rule, arguments.rule_id)
    bar = shown(sys.stderr)
    if arguments.readings is not None:
        told = try_file(rule, others, arguments.readings, from_ms, to_ms, sys.stdout, bar)
    else:
        told = try_history(load(), rule, others, from_ms, to_ms, sys.stdout, bar)
    print(told, file=sys.stderr)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from app.doctor import examine

    return examine(load())


if __name__ == "__main__":
    sys.exit(main())
