"""The tools of the laws: the proxy, cancellation at a point, the history."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from nact.persistence import MemoryPersistenceEngine, PersistedEvent
from nact_conformance._reporting.versions import about_engine
from nact_conformance._trying.cancelling import Moment, interrupt
from nact_conformance._trying.history import NUMBERS, History, name_events, name_numbers
from nact_conformance._trying.trial import fingerprint
from nact_conformance.proxy import TcpProxy
from nact_conformance.tally import Tally


class Echo:
    """A server that answers each line with the same line, and remembers it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while line := connection.recv(1000):
                self.heard.append(line)
                connection.sendall(line)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    proxy = TcpProxy("127.0.0.1", echo.port)
    proxy.start()
    yield proxy
    proxy.stop()


def ask(connection: socket.socket, line: bytes) -> bytes:
    """The answer, empty when the connection broke."""
    try:
        connection.sendall(line)
        return connection.recv(1000)
    except ConnectionError:
        return b""


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def test_the_proxy_passes_requests_and_replies_and_counts_them(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert [ask(connection, line) for line in (b"a", b"b")] == [b"a", b"b"]
    assert proxy.round_trips == 2


def test_a_lost_reply_breaks_the_connection_after_the_server_heard_the_request(proxy: TcpProxy, echo: Echo) -> None:
    proxy.lose_reply(2)
    with connect(proxy) as connection:
        assert ask(connection, b"a") == b"a"
        assert proxy.armed
        assert ask(connection, b"b") == b""
    assert echo.heard == [b"a", b"b"]
    assert not proxy.armed


def test_a_lost_request_breaks_the_connection_before_the_server_hears_it(proxy: TcpProxy, echo: Echo) -> None:
    proxy.lose_request(2)
    with connect(proxy) as connection:
        assert [ask(connection, line) for line in (b"a", b"b")] == [b"a", b""]
    assert echo.heard == [b"a"]


def test_a_request_that_is_held_reaches_no_server_and_breaks_its_connection_when_it_is_dropped(
    proxy: TcpProxy, echo: Echo
) -> None:
    proxy.hold_requests(2)
    with connect(proxy) as connection:
        assert ask(connection, b"a") == b"a"
        connection.sendall(b"b")
        while not proxy.is_holding:
            time.sleep(0.001)
        proxy.drop_requests()
        assert ask(connection, b"") == b""
    with connect(proxy) as connection:
        assert ask(connection, b"c") == b"c"
    assert echo.heard == [b"a", b"c"]


def hold(proxy: TcpProxy, connection: socket.socket, line: bytes) -> None:
    """Returns when the request is held."""
    proxy.hold_requests()
    connection.sendall(line)
    while not proxy.is_holding:
        time.sleep(0.001)


def test_what_is_held_is_delivered_though_its_client_is_gone(proxy: TcpProxy, echo: Echo) -> None:
    with connect(proxy) as connection:
        hold(proxy, connection, b"late")
    assert echo.heard == []
    proxy.deliver_requests()
    assert echo.heard == [b"late"]
    assert proxy.round_trips == 1


def test_others_pass_while_a_request_is_held(proxy: TcpProxy, echo: Echo) -> None:
    with connect(proxy) as idle, connect(proxy) as held:
        assert ask(idle, b"a") == b"a"
        hold(proxy, held, b"late")
        proxy.hold_no_others()
        with connect(proxy) as fresh:
            assert [ask(each, b"b") for each in (idle, fresh)] == [b"b", b"b"]
        assert proxy.is_holding
        proxy.deliver_requests()
        assert held.recv(100) == b"late"
        assert ask(held, b"c") == b"c"
    assert echo.heard == [b"a", b"b", b"b", b"late", b"c"]


def test_a_cut_leaks_nothing_that_was_just_accepted(proxy: TcpProxy) -> None:
    def connect() -> None:
        while not over.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", proxy.port), timeout=1):
                pass

    over = threading.Event()
    clients = [threading.Thread(target=connect) for _ in range(3)]
    for client in clients:
        client.start()
    for _ in range(50):
        proxy.cut()
        proxy.mend()
    over.set()
    for client in clients:
        client.join()
    gc.collect()  # pytest turns what was leaked into a failure


def test_a_cut_ends_what_is_held_and_nothing_is_delivered(proxy: TcpProxy, echo: Echo) -> None:
    with connect(proxy) as connection:
        hold(proxy, connection, b"late")
        proxy.cut()
        proxy.deliver_requests()
    assert echo.heard == []


def test_several_replies_in_a_row_are_lost(proxy: TcpProxy, echo: Echo) -> None:
    proxy.lose_reply(2, count=2)
    answers = []
    for line in (b"a", b"b", b"c", b"d"):
        with connect(proxy) as connection:
            answers.append(ask(connection, line))
    assert answers == [b"a", b"", b"", b"d"]
    assert echo.heard == [b"a", b"b", b"c", b"d"]
    assert (proxy.lost, proxy.armed) == (2, False)


def test_silent_connections_say_nothing_and_new_ones_work(proxy: TcpProxy, echo: Echo) -> None:
    with connect(proxy) as silent:
        assert ask(silent, b"a") == b"a"
        proxy.silence()
        silent.sendall(b"b")
        with connect(proxy) as fresh:
            assert ask(fresh, b"c") == b"c"
        silent.settimeout(0.05)
        with pytest.raises(TimeoutError):
            silent.recv(100)
        proxy.disarm()
        silent.settimeout(5)
        assert ask(silent, b"") == b""
    assert echo.heard == [b"a", b"c"]


def test_what_was_to_be_lost_can_be_left_alone(proxy: TcpProxy) -> None:
    proxy.lose_reply()
    proxy.disarm()
    with connect(proxy) as connection:
        assert ask(connection, b"a") == b"a"


def test_a_cut_breaks_connections_and_refuses_new_ones_until_it_is_mended(proxy: TcpProxy) -> None:
    port = proxy.port
    with connect(proxy) as connection:
        assert ask(connection, b"a") == b"a"
        proxy.cut()
        assert ask(connection, b"b") == b""
    with pytest.raises(ConnectionError):
        connect(proxy)
    proxy.mend()
    proxy.mend()
    assert proxy.port == port
    with connect(proxy) as connection:
        assert ask(connection, b"c") == b"c"


def test_proxies_that_share_a_tally_lose_the_reply_that_is_due_whichever_server_gives_it(echo: Echo) -> None:
    tally = Tally()
    proxies = [TcpProxy("127.0.0.1", echo.port, tally=tally) for _ in range(2)]
    for each in proxies:
        each.start()
    proxies[0].lose_reply(2)
    with connect(proxies[0]) as first, connect(proxies[1]) as second:
        assert ask(first, b"one") == b"one"
        assert ask(second, b"two") == b""
        assert not proxies[0].armed
        assert proxies[0].round_trips == proxies[1].round_trips == 2
    for each in proxies:
        each.stop()


def test_a_proxy_that_is_stopped_can_be_stopped_again(echo: Echo) -> None:
    proxy = TcpProxy("127.0.0.1", echo.port)
    proxy.start()
    proxy.start()
    proxy.stop()
    proxy.stop()


async def three_waits(reached: list[int]) -> None:
    for number in (1, 2, 3):
        reached.append(number)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        loop.call_soon(done.set_result, None)
        await done


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("point", [1, 2, 3])
def test_a_call_is_cancelled_at_exactly_the_point_that_was_asked_for(point: int, moment: Moment) -> None:
    reached: list[int] = []
    ended = asyncio.run(interrupt(three_waits(reached), point, moment, timeout=5))
    assert (ended.reached, ended.cancelled, reached) == (True, True, [1, 2, 3][:point])


def test_a_call_that_has_no_such_point_is_not_cancelled() -> None:
    ended = asyncio.run(interrupt(three_waits([]), 4, Moment.WHILE_IT_WAITS, timeout=5))
    assert (ended.reached, ended.cancelled, ended.error) == (False, False, None)


def test_a_cancellation_as_a_wait_ends_comes_when_its_result_is_there() -> None:
    handed_out: list[str] = []

    async def take() -> None:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def hand_out() -> None:
            handed_out.append("it")
            ready.set_result("it")

        asyncio.get_running_loop().call_soon(hand_out)
        await ready

    ended = asyncio.run(interrupt(take(), 1, Moment.AS_THE_WAIT_ENDS, timeout=5))
    assert (ended.cancelled, handed_out) == (True, ["it"])


def test_calls_that_differ_in_their_numbers_only_are_one_line() -> None:
    history = History()
    for number in range(1, 1001):
        history.add("A", f"persist {NUMBERS} of 'k'", str(number), "done")
    history.add("B", "events of 'k'", "", "none")
    assert str(history).splitlines() == [
        "   1. A: persist 1 to 1000 of 'k' -> done  (1000 times)",
        "   2. B: events of 'k' -> none",
    ]


def test_a_long_history_is_shown_from_both_ends() -> None:
    history = History()
    for number in range(100):
        history.add("A", f"call {number}", "", "done")
    lines = str(history).splitlines()
    assert len(lines) == 41
    assert lines[0].endswith("call 0 -> done")
    assert lines[-1].endswith("call 99 -> done")


@pytest.mark.parametrize(
    ("numbers", "words"), [([], "none"), ([1], "1"), ([1, 2, 3, 5], "1 to 3, 5"), ([3, 2, 1], "3, 2, 1")]
)
def test_numbers_are_told_in_few_words(numbers: list[int], words: str) -> None:
    assert name_numbers(numbers) == words


def test_tombstones_are_told_apart() -> None:
    dead = PersistedEvent(key="k", sequence_number=2, data=None, is_deleted=True)
    assert name_events([dead, PersistedEvent(key="k", sequence_number=3, data=1)]) == "2 to 3 (tombstones: 2)"


def test_values_that_are_equal_and_not_the_same_have_other_fingerprints() -> None:
    values = [1, 1.0, True, "1", 0, 0.0, -0.0, False, None, [], {}, [1], [1.0], {"a": 1}, {"a": 1.0}]
    assert len({repr(fingerprint(value)) for value in values}) == len(values)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_what_an_engine_tells_of_its_durability_follows_its_name() -> None:
    class Careful(MemoryPersistenceEngine):
        durability = "w='majority'"

    class Silent:
        events = MemoryPersistenceEngine.events
        persist = MemoryPersistenceEngine.persist

    assert about_engine(Careful()).endswith(", durability: w='majority'")
    assert "durability: " not in about_engine(Silent())
