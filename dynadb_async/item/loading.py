"""An item as a turn."""

from datetime import datetime
from typing import Any

from attrs import define, field

from dynadb_async.errors import MalformedItemError
from dynadb_async.item.kept import Kept, kept_of
from dynadb_async.item.layout import (
    CREATED_AT,
    HISTORY,
    SESSION,
    UPDATED_AT,
    USER,
    Element,
    Item,
    Layout,
    aware,
    time_of_attribute,
    time_of_value,
)
from dynadb_async.item.recent import Entry, entry_of_turn, is_reply_lost, recent_turns, stored_response
from dynadb_async.item.snapshot import Snapshot
from dynadb_async.item.unfinished import open_digests, places_of, without
from dynadb_async.observer import Observer
from dynadb_async.turn import History, Session, Turn, User


@define(repr=False, eq=False)
class Loaded:
    """
    What a turn remembers of its item, so that it can be saved.

    Attributes:
        user_id: Whose item it is.
        stored: The item as DynamoDB last held it, to our knowledge; None if there is none.
        base: The item as the turn saw it.
        elements: The stored elements as they were read; what is in them besides ours is stored again.
        kept: What of `user.data` need not be made into attribute values again.
        is_expired: `stored` was past its TTL and read as no item.
        is_unstored_session: The turn's session is kept nowhere, neither here nor by the platform.
        is_merged: `stored` holds another turn's changes, which `base` lacks.
        is_saved: A save of this turn was acknowledged, so its history entry is the newest of `base`.
        is_open: Its block, or handler, goes on: a save now is a checkpoint, by which the turn is not applied yet.
        may_run_again: It is a handler that goes on, for which there are no checkpoints.
        is_reply_lost: The turn is a duplicate, and its first delivery's reply is not kept.
        attempts: Saves whose answer is outstanding: their write id and what they wrote.
        writes: The write ids of all saves of this turn.
        read_at: When the load began, on the event loop's clock.
        refusals: How often a save was refused, since another process was faster.
        observer: Who hears of its saves, if that is another one than hears of everything.
    """

    user_id: str
    stored: Snapshot | None
    base: Snapshot
    elements: dict[str, Element]
    kept: Kept | None
    is_expired: bool = False
    is_unstored_session: bool = False
    is_merged: bool = False
    is_saved: bool = False
    is_open: bool = False
    may_run_again: bool = False
    is_reply_lost: bool = False
    attempts: dict[str, Snapshot] = field(factory=dict)
    writes: set[str] = field(factory=set)
    read_at: float = 0.0
    refusals: int = 0
    observer: Observer | None = None

    @property
    def revision(self) -> str | None:
        """The newest write id, unless nothing is stored, or another program wrote it."""
        return None if self.stored is None or self.is_expired else self.stored.newest

    def saved(self, write: str, base: Snapshot, stored: Snapshot, *, is_merged: bool) -> None:
        """The save named *write* was acknowledged."""
        self.base, self.stored = base, stored
        self.is_saved, self.is_expired, self.is_merged = True, False, is_merged
        # Earlier ones whose answer never came may have been stored too: they are no other delivery of this turn.
        self.writes.update(self.attempts, {write})
        self.attempts.clear()


def turn_from_item(
    layout: Layout,
    item: Item | None,
    user_id: str,
    *,
    body: bytes | None = None,
    stored: Snapshot | None = None,
    now: datetime,
    session: Session | None,
    turn_id: str | None,
) -> Turn[Any]:
    """
    The turn that begins *now*, from its user's *item*, read from *body* or *stored*, and the request's own *session*.

    Raises:
        MalformedItemError: An element that is switched on can't be read.
    """
    is_expired = item is not None and layout.is_expired(item, now)
    live: Item = {} if item is None or is_expired else item
    is_new = item is None or is_expired
    elements = {name: layout.element(live, name) for name in layout.elements}
    if stored is None and item is not None:
        stored = Snapshot.of(layout, item, is_stored=True, body=body)
    base = Snapshot.of(layout, {}) if stored is None or is_expired else stored
    kept = None if stored is None else kept_of(layout, live.get(USER), elements.get(USER, {}), body or stored.latest)
    loaded = Loaded(user_id, stored, base, elements, kept, is_expired, session is None and SESSION not in elements)
    turn = Turn(
        user=User(id=user_id, data=_user_data(layout, elements, is_new=is_new), is_new=is_new),
        session=_session(layout, elements.get(SESSION, {}), session, now),
        history=History(history_items(elements.get(HISTORY, {}))),
        created_at=time_of_attribute(live.get(CREATED_AT)) or now,
        updated_at=time_of_attribute(live.get(UPDATED_AT)) or now,
        turn_id=turn_id,
        loaded=loaded,
    )
    if turn_id is not None:
        _look_for_earlier_delivery(layout, turn, live)
    return turn


def _look_for_earlier_delivery(layout: Layout, turn: Turn[Any], item: Item) -> None:
    """What *turn* has to know of one: that it ended, with which reply, or that it did not end."""
    earlier = entry_of_turn(recent_turns(layout, item), turn.turn_id, frozenset())
    if earlier is not None:
        note_duplicate(layout, turn, earlier)
        return
    digests = open_digests(layout, item, turn.turn_id)
    if digests is not None:
        turn.is_resumed = True
        history = turn.history
        history.items = without(history.items, places_of(digests, history.items))


def note_duplicate(layout: Layout, turn: Turn[Any], earlier: Entry) -> None:
    """*turn* was applied already, as *earlier* says."""
    turn.is_duplicate = True
    turn.response = stored_response(layout, earlier)
    turn.loaded.is_reply_lost = is_reply_lost(earlier)


def _user_data(layout: Layout, elements: dict[str, Element], *, is_new: bool) -> Any:
    """The app's `user.data`; *elements* then hold what it is laid over at the save."""
    stored = elements.get(USER, {})
    # As in the reference: whatever is falsy reads as an empty dict.
    data = stored.get("data") or {}
    if layout.shape is None:
        return data
    if not isinstance(data, dict):
        raise MalformedItemError("user.data", f"expected a map, got {type(data).__name__}")
    made, data = layout.shape.read(data, is_new=is_new)
    elements[USER] = {**stored, "data": data}
    return made


def _session(layout: Layout, stored: Element, requested: Session | None, now: datetime) -> Session:
    session = Session() if requested is None else requested.copy()
    session.created_at = now if session.created_at is None else aware(session.created_at, "Session.created_at")
    session.updated_at = now
    settings = layout.config.stored_elements.session
    if settings is None or not stored:
        return session
    data = stored.get("data")
    if not isinstance(data, dict | None):
        raise MalformedItemError("session.data", f"expected a map, got {type(data).__name__}")
    if session.id is not None and stored.get("id") not in (None, session.id):
        return session
    last = time_of_value(stored.get(UPDATED_AT))
    if last is None or now - last > settings.expires_after:
        session.is_new = True
        return session
    session.is_new = False
    session.id = stored.get("id") or session.id
    session.data = session.data if data is None else data
    state = stored.get("state")
    session.state = state if state or isinstance(state, dict | list) else session.state
    session.created_at = time_of_value(stored.get(CREATED_AT)) or now
    return session


def history_items(stored: Element) -> list[Element]:
    """
    The entries of a stored history, newest first.

    Raises:
        MalformedItemError: They are something else.
    """
    items = stored.get("items")
    if not items:
        return []
    if not isinstance(items, list) or not all(isinstance(entry, dict) for entry in items):
        raise MalformedItemError("history.items", "expected a list of maps")
    return items
