"""The demo: a server on an empty folder, and the life of a small mesh played on it through its own GraphQL."""

import asyncio
import http.client
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from server.app import serve
from server.demo_story.batches import ORDERS_CSV, PEOPLE_CSV
from server.demo_story.step import Reading
from server.demo_story.story import ERASURES, EVENTS, QUESTIONS, STEPS
from server.settings import Settings

TIMEOUT_SECONDS = 60.0


class DemoFailed(Exception):
    """A step of the demo was refused."""


class Client:
    """A GraphQL client as any user's would be."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._key = key

    async def ask(self, query: str, *, purpose: str = "", **variables: Any) -> dict[str, Any]:  # JSON both ways
        """The data of an operation. Raises: DemoFailed."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if purpose:
            headers["X-Purpose"] = purpose
        asked = orjson.dumps({"query": query, "variables": variables})
        answer = orjson.loads(await asyncio.to_thread(_send, "POST", f"{self._address}/graphql", asked, headers))
        if "errors" in answer:
            raise DemoFailed(answer["errors"][0]["message"])
        data: dict[str, Any] = answer["data"]
        return data

    async def upload(self, filename: str, content: str) -> str:
        """Send a file to a signed address and answer its fileUrl."""
        data = await self.ask(
            "mutation($input: CreateUploadUrlInput!) { createUploadUrl(input: $input) { fileUrl uploadUrl { url } } }",
            input={"filename": filename},
        )
        made = data["createUploadUrl"]
        await asyncio.to_thread(_send, "PUT", made["uploadUrl"]["url"], content.encode(), {})
        return str(made["fileUrl"])


async def demo(settings: Settings, say: Callable[[str], None]) -> int:
    """Serve, and play the story where the log is empty. Status 1 where a step was refused."""
    key = settings.api_key or f"lmk_{secrets.token_urlsafe(32)}"
    playing: list[asyncio.Task[None]] = []

    async def announce(address: str, _: str | None) -> None:
        playing.append(asyncio.create_task(_play(address, key, say)))

    await serve(settings.model_copy(update={"api_key": key}), announce)
    results = await asyncio.gather(*playing, return_exceptions=True)
    return 1 if any(isinstance(result, DemoFailed) for result in results) else 0


async def _play(address: str, key: str, say: Callable[[str], None]) -> None:
    client = Client(address, key)
    try:
        if (await client.ask("{ serverInfo { position } }"))["serverInfo"]["position"]:
            say("this folder holds a mesh already; the story is not played again")
        else:
            await _story(client, say)
        questions = await _questions(client)
    except DemoFailed as error:
        say(f"the demo stopped: {error}")
        raise
    say("")
    say(f"admin key:  {key}")
    say(f"GraphiQL:   {address}/graphql")
    say('            in its headers: {"Authorization": "Bearer <the key>"}')
    say("to ask there:")
    for question in questions:
        say(f"  {question}")
    say("to ask in a shell, also when the server is stopped, whether the log is what was recorded and signed:")
    say("  lakemesh verify")
    say("Ctrl-C stops the server; what it holds stays.")


async def _story(client: Client, say: Callable[[str], None]) -> None:
    kept = {
        "@orders": await client.upload("orders.csv", ORDERS_CSV),
        "@people": await client.upload("people.csv", PEOPLE_CSV),
    }
    for step in STEPS:
        if isinstance(step, Reading):
            await client.ask(step.query, purpose=step.purpose)
        else:
            given = {
                name: kept.get(value, value) if isinstance(value, str) else value for name, value in step.input.items()
            }
            answer = (await client.ask(step.mutation, input=given))[step.name]
            if step.keeps:
                kept[f"@{step.keeps}"] = answer[step.keeps]["id"]
        say(f"  {step.told}")
    for event in (await client.ask(EVENTS))["events"]["nodes"]:
        say(f"  {event['position']:>3}  {event['type']:<22} {event['stream']}")


async def _questions(client: Client) -> list[str]:
    """What to ask, with the id of the erasure that was done; a folder without one has no receipt to show."""
    lake = (await client.ask(ERASURES))["dataLake"]
    erasures = lake["deletions"]["nodes"] if lake else []
    asked = [question for question in QUESTIONS if erasures or "@deletion" not in question]
    return [question.replace("@deletion", erasures[0]["id"]) if erasures else question for question in asked]


def _send(method: str, address: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body of the answer. Raises: DemoFailed where it is none of success."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, dict(headers))
        answer = connection.getresponse()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise DemoFailed(f"{method} {parts.path} was answered with status {answer.status}")
        return answer.read()
    finally:
        connection.close()
