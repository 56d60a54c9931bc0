"""``nodes``, ``enrolment`` and ``escrow``: the mesh, as its hub's operator sees it."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Json

nodes_app = typer.Typer(no_args_is_help=True, help="The nodes of the mesh: list, revoke, readmit.")
enrolment_app = typer.Typer(no_args_is_help=True, help="Tokens that admit a node, once: create, list.")
escrow_app = typer.Typer(no_args_is_help=True, help="What stores hold for the hub to sell: set, list, drop.")

NodeId = Annotated[str, typer.Argument(metavar="NODE")]
Kind = Annotated[str, typer.Argument(metavar="KIND")]
DAY_S = 86_400


@nodes_app.command("list")
def list_nodes(as_json: Json = False) -> None:
    """All nodes: within reach or not, how far behind the hub is, what is wrong."""
    with Api() as api:
        answer = api.call("GET", path("nodes"))
    show.emit(answer, as_json, _print_nodes)


@nodes_app.command("revoke")
def revoke_node(node: NodeId, as_json: Json = False) -> None:
    """Let a node speak for nothing any more; its sites wait for another."""
    with Api() as api:
        api.call("DELETE", path("nodes", node))
    show.emit({"id": node, "revoked": True}, as_json, lambda _: show.say(f"{node} speaks for nothing any more"))


@nodes_app.command("readmit")
def readmit_node(node: NodeId, as_json: Json = False) -> None:
    """Hear a node again that was set aside, once its cause is mended."""
    with Api() as api:
        answer = api.call("POST", path("nodes", node, "readmit"))
    show.emit(answer, as_json, lambda _: show.say(f"{node} is heard again"))


@enrolment_app.command("create")
def create_enrolment(
    node: NodeId,
    sites: Annotated[str, typer.Option("--sites", metavar="ID,...", help="The sites that it will own.")],
    expires_s: Annotated[int, typer.Option("--expires-s", min=60, help="Seconds for which the token is good.")] = DAY_S,
    as_json: Json = False,
) -> None:
    """Make a token by which one computer joins as this node, once; it is shown once and not kept."""
    wanted = {"node": node, "sites": site_ids(sites), "expires_s": expires_s}
    with Api() as api:
        answer = api.call("POST", path("enrolments"), json=wanted)
    show.emit(answer, as_json, _print_enrolment)


@enrolment_app.command("list")
def list_enrolments(as_json: Json = False) -> None:
    """All tokens that were made, without the tokens themselves."""
    with Api() as api:
        answer = api.call("GET", path("enrolments"))
    show.emit(answer, as_json, _print_enrolments)


@escrow_app.command("set")
def set_escrow(
    kind: Kind,
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="At each store, in the kind's unit.")],
    share: Annotated[float, typer.Option("--share", help="At most this part of a store's pool, 0 to 1.")] = 0.25,
    ahead_s: Annotated[int, typer.Option("--ahead-s", help="Seconds to come for which it is always held.")] = DAY_S,
    as_json: Json = False,
) -> None:
    """Have every store that offers a kind hold some of it, for the hub to sell while the store is out of reach."""
    with Api() as api:
        wanted = {"quantity": quantity, "share": share, "ahead_s": ahead_s}
        answer = api.call("PUT", path("escrow", kind), json=wanted)
    show.emit(answer, as_json, lambda rule: show.say(f"each store holds up to {rule['quantity']:,} {rule['kind']}"))


@escrow_app.command("list")
def list_escrow(as_json: Json = False) -> None:
    """The rules, by kind."""
    with Api() as api:
        answer = api.call("GET", path("escrow"))
    show.emit(answer, as_json, _print_escrow)


@escrow_app.command("drop")
def drop_escrow(kind: Kind, as_json: Json = False) -> None:
    """Hold no more of a kind; what is held runs out by itself."""
    with Api() as api:
        api.call("DELETE", path("escrow", kind))
    show.emit({"kind": kind, "dropped": True}, as_json, lambda _: show.say(f"what is held of {kind} runs out"))


def site_ids(text: str) -> list[str]:
    """The ids of ``A,B,C``."""
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids:
        raise own_problem("usage", "--sites takes ids with commas between: --sites wm-100,wm-101")
    return ids


def _print_nodes(answer: dict[str, Any]) -> None:
    rows = []
    for node in answer["items"]:
        state = "revoked" if node["revoked"] else "within reach" if node["reachable"] else "out of reach"
        silent = "" if node["silent_s"] is None else f"{node['silent_s']:.0f}"
        skew = "" if node["skew_s"] is None else str(node["skew_s"])
        wrong = node["set_aside"] or ""
        rows.append(
            (node["id"], state, f"{node['sites']:,}", f"{node['events']:,}", f"{node['behind']:,}", silent, skew, wrong)
        )
    show.print_table(
        ("node", "state", "sites", "events", "behind", "silent s", "clock s", "set aside because"),
        rows,
        right=("sites", "events", "behind", "silent s", "clock s"),
        empty="No node yet; 'maillage enrolment create' admits one.",
    )


def _print_enrolment(answer: dict[str, Any]) -> None:
    show.print_facts(
        [
            ("node", answer["node"]),
            ("sites", ", ".join(answer["sites"][:20])),
            ("expires", answer["expires_at"]),
            ("token", answer["token"]),
        ]
    )
    show.note(
        "The token is shown only this once, and works once. In the store: MAILLAGE_ENROLMENT_TOKEN=... maillage node"
    )


def _print_enrolments(answer: dict[str, Any]) -> None:
    rows = [
        (made["node"], len(made["sites"]), made["created_at"], made["expires_at"], made["used_at"] or "")
        for made in answer["items"]
    ]
    show.print_table(("node", "sites", "made", "expires", "used"), rows, right=("sites",), empty="None was made.")


def _print_escrow(answer: dict[str, Any]) -> None:
    rows = [(rule["kind"], f"{rule['quantity']:,}", rule["share"], rule["ahead_s"]) for rule in answer["items"]]
    show.print_table(
        ("kind", "quantity", "share", "ahead s"), rows, right=("quantity", "share", "ahead s"), empty="Nothing is held."
    )
