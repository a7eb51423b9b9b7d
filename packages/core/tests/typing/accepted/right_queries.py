"""A question that is made from where the answer goes to says what the answer is."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from nact import ActorRef, ActorSystem, MailboxFullError, dispatch, query, seconds, stopped


@dataclass
class Get:
    name: str
    reply_to: ActorRef[str]


@dataclass
class Count:
    reply_to: ActorRef[int]


def count(reply_to: ActorRef[int]) -> Count:
    return Count(reply_to)


async def main(ref: ActorRef[Get | Count], plain: ActorRef[str]) -> None:
    assert_type(await query(ref, make=Count, timeout=1), int)
    assert_type(await query(ref, make=count, timeout=5 * seconds), int)

    def get(reply_to: ActorRef[str]) -> Get:
        return Get("Ada", reply_to)

    assert_type(await query(ref, make=get, timeout=timedelta(seconds=1)), str)
    told: str = await query(ref, make=lambda reply_to: Get("Ada", reply_to), timeout=1)
    dispatch(plain, told)
    answer: str = await query(plain, "hello", 1)
    assert_type(await query(plain, "hello", 1), Any)
    dispatch(plain, answer)


async def wait(ref: ActorRef[str], system: ActorSystem, error: MailboxFullError) -> None:
    await stopped(ref)
    await stopped(system)
    assert_type((error.path, error.limit), tuple[str, int])
