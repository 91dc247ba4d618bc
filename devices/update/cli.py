"""``edge-device update``: signed updates of model and software."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.errors import EdgeError
from edge.terminal import app_for, guarded

if TYPE_CHECKING:
    from devices.update.applying import Updater
    from devices.update.broker import Meeting
    from devices.update.minisign import SecretKey

app = app_for("update", "Take signed updates of model and software; make and sign them.")

DEVICE, WORKSTATION = "On a device", "On the workstation that makes updates"

Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="The file tree of an image instead of this machine.")]
Http = Annotated[bool, typer.Option("--allow-http", help="Take it over a connection that others can read and hold up.")]
Lower = Annotated[bool, typer.Option("--allow-downgrade", help="Take a lower version than the active one.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]
Secret = Annotated[Path, typer.Option("--key", "-s", metavar="FILE", help="Secret key that signs.")]
Password = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Read the key's password from this file instead of asking for it.")
]


_HELP = """Take signed updates of model and software; make and sign them.

[bold]Examples[/bold]

edge-device update keygen fleet                          fleet.key stays here, fleet.pub goes to the devices

edge-device update pack models/mine --version 1.1 --key fleet.key    mine-1.1.edgeupdate and its signature

sudo edge-device update apply https://updates.example.org/mine-1.1.edgeupdate

sudo edge-device update rollback model                   back to the version before

How a hundred devices are kept up to date: docs/fleet.md.
"""


@app.callback(help=_HELP, no_args_is_help=True)
def update() -> None:
    """Take signed updates of model and software; make and sign them."""


@app.command(rich_help_panel=DEVICE)
@guarded
def apply(
    source: Annotated[str, typer.Argument(metavar="FILE|URL|DIR", help="The update; its .minisig lies beside it.")],
    allow_http: Http = False,
    allow_downgrade: Lower = False,
    root: Root = Path("/"),
) -> None:
    """Take an update: check its signature, try it on this device, switch to it, go back if it doesn't live.

    Damaged, wrongly signed, older, or for another machine: refused. Whatever happens, and whenever the power goes, the
    old or the new version is there, whole.
    """
    typer.echo(_updater(root).apply(source, allow_http=allow_http, allow_downgrade=allow_downgrade))


@app.command(rich_help_panel=DEVICE)
@guarded
def check(
    source: Annotated[
        str, typer.Argument(metavar="FILE|URL|DIR", help="An update. Without it: what is wanted of this device.")
    ] = "",
    allow_http: Http = False,
    allow_downgrade: Lower = False,
    root: Root = Path("/"),
) -> None:
    """Say whether an update would be taken, or what is wanted of this device; change nothing.

    [bold]Exit codes[/bold]: 0 it would be taken, or nothing is to be done; 1 something is to be done;
    2 refused, or who might want something could not be asked.
    """
    from devices.update.agent import reason_to_leave, wanted_now
    from devices.update.places import KINDS, Places

    if source:
        found = _updater(root).look(source, allow_http=allow_http, allow_downgrade=allow_downgrade)
        typer.echo(f"{found.title}, made {found.created}, {found.size / 1e6:.1f} MB: would be tried and taken")
        if found.notes:
            typer.echo(found.notes)
        return
    places, due = Places(root), False
    desired, well = wanted_now(places, _meeting(root), _say)
    for kind in KINDS:
        wanted = desired.of(kind)
        why_not = reason_to_leave(places, kind, wanted) if wanted else "nothing is wanted"
        due = due or not why_not
        typer.echo(f"{kind:<10} {wanted.version + ': ' if wanted else ''}{why_not or 'to be taken'}")
    raise typer.Exit(2 if not well else 1 if due else 0)


@app.command(rich_help_panel=DEVICE)
@guarded
def status(as_json: AsJson = False, root: Root = Path("/")) -> None:
    """Say which versions are active, which could be gone back to, who may sign, and what happened last."""
    from devices.update.journal import standing
    from devices.update.places import Places
    from devices.update.report import describe

    if as_json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(standing(Places(root))), indent=2).decode())
    else:
        typer.echo(describe(Places(root)))


@app.command(rich_help_panel=DEVICE)
@guarded
def rollback(
    kind: Annotated[str, typer.Argument(metavar="model|software", help="What goes back.")] = "software",
    root: Root = Path("/"),
) -> None:
    """Go back to the version before; it isn't left again by itself."""
    from devices.update.places import KINDS

    for known in KINDS:
        if kind == known:
            typer.echo(f"{kind} is back at {_updater(root).go_back(known)}")
            return
    raise EdgeError(f"{kind!r} can't be gone back with; give one of {', '.join(KINDS)}")


@app.command(rich_help_panel=DEVICE)
@guarded
def agent(
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, and end; the timer does this.")] = False,
    root: Root = Path("/"),
) -> None:
    """Confirm an open switch, take what is wanted of this device (desired.toml, or the broker's word), and report.

    [bold]Exit codes[/bold]: 0 all is as it should be; 1 something went wrong, which the report names.
    """
    from devices.update.agent import run_once

    if not once:
        raise EdgeError("edge-update.timer calls this again and again; by hand: edge-device update agent --once")
    if not run_once(_updater(root), _meeting(root), _say):
        raise typer.Exit(1)


@app.command(rich_help_panel=DEVICE)
@guarded
def recover(root: Root = Path("/")) -> None:
    """At boot, before the service: count a boot against a switch that isn't confirmed; take it back at the third."""
    from devices.lock import held
    from devices.update.places import Places
    from devices.update.switching import count_boot, read_boot

    places = Places(root)
    with held(places.lock, wait=False, command="edge-device update"):
        if said := count_boot(places, read_boot()):
            _say(said)


@app.command(rich_help_panel=WORKSTATION)
@guarded
def keygen(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="Writes NAME.key, which signs, and NAME.pub.")],
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Don't protect the secret key: who has its file can sign.")
    ] = False,
    password_file: Password = None,
) -> None:
    """Make a pair of keys, as minisign does. Keep the secret one off every device, and a copy where it can't burn."""
    from devices.update.keys import write_public
    from devices.update.minisign import generate, write_secret

    secret, public = name.with_name(name.name + ".key"), name.with_name(name.name + ".pub")
    for path in (secret, public):
        if path.exists():
            raise EdgeError(f"{path} is there already; a lost key can't be made again, so it is not replaced")
    password = "" if no_password else _password(password_file, twice=True)
    key = generate()
    try:
        handle = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(write_secret(key, password))
        public.write_bytes(write_public(key.public))
    except OSError as error:
        raise EdgeError(f"cannot write {secret}: {error.strerror}") from error
    typer.echo(f"written    {secret}: keep it, and keep it secret{'' if password else '; no password protects it'}")
    typer.echo(f"written    {public}: key {key.public.words}; to /etc/edge-run/update-keys/ of every device")


@app.command(rich_help_panel=WORKSTATION)
@guarded
def sign(
    file: Annotated[Path, typer.Argument(help="The update.")], key: Secret, password_file: Password = None
) -> None:
    """Sign an update: writes its .minisig beside it. minisign -S does the same."""
    _sign(file, _secret(key, password_file))


@app.command(rich_help_panel=WORKSTATION)
@guarded
def pack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A model bundle, or a folder of wheels.")],
    version: Annotated[str, typer.Option(help="Of a model: 1.0, 1.1, ... Wheels have theirs.")] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where it is written.")] = Path(),
    requires: Annotated[str, typer.Option(metavar="VERSION", help="Least emot-edge that can use this model.")] = "",
    notes: Annotated[str, typer.Option(help="A line for people.")] = "",
    key: Annotated[Path | None, typer.Option("--key", "-s", metavar="FILE", help="Sign it with this key.")] = None,
    password_file: Password = None,
) -> None:
    """Make an update of a model bundle or of wheels, and sign it. The same content makes the same file.

    Wheels: emot-edge's and those of all it needs, for one kind of machine: pip wheel, or pip download with --platform.
    """
    from devices.update.packing import pack as make

    secret = _secret(key, password_file) if key else None
    path = make(folder, version, out, requires=requires, notes=notes)
    typer.echo(f"written    {path}, {path.stat().st_size / 1e6:.1f} MB")
    if secret is not None:
        _sign(path, secret)


def _sign(file: Path, key: SecretKey) -> None:
    from devices.update.archive import read_manifest
    from devices.update.manifest import signature_of
    from devices.update.minisign import sign as make
    from edge.files import write_atomically

    if not file.is_file():
        raise EdgeError(f"{file} is not there; make it with: edge-device update pack")
    write_atomically(signature_of(file), make(file, key, read_manifest(file).title))
    typer.echo(f"written    {signature_of(file)}, by key {key.public.words}")


def _secret(path: Path, password_file: Path | None) -> SecretKey:
    from devices.update.minisign import needs_password, read_secret

    return read_secret(path, _password(password_file) if needs_password(path) else "")


def _password(file: Path | None, twice: bool = False) -> str:
    if file is not None:
        try:
            password = file.read_text().partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise EdgeError(f"cannot read {file}; its first line should be the password") from error
    elif sys.stdin.isatty():
        password = typer.prompt("password", hide_input=True, confirmation_prompt=twice)
    else:
        raise EdgeError("nobody is here to type the password; --password-file, or for a new key --no-password")
    if not password:
        raise EdgeError("the password is empty; a key without one is made with --no-password")
    return password


def _updater(root: Path) -> Updater:
    from devices.update.applying import updater
    from devices.update.places import Places
    from devices.update.service import service_of
    from devices.update.settings import read_settings

    # Whatever this user's mask is: the service's account reads what is installed.
    os.umask(0o022)
    settings = read_settings(Places(root).update_options)
    return updater(root, settings, service_of(root), _say)


def _meeting(root: Path) -> Meeting | None:
    from devices.update.broker import meeting, secrets
    from devices.update.places import Places

    folder = Places(root).config
    return meeting(folder / "edge-run.toml", {**secrets(folder / "secrets.env"), **os.environ})


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
