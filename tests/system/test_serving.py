"""A server starts on an empty folder, answers, and ends in order."""

from tests.system.serving import ServerProcess, command


async def test_answers_and_ends_with_status_0(server: ServerProcess) -> None:
    info = (await server.ask("{ serverInfo { position database } }"))["serverInfo"]
    assert info["position"] == 0
    assert info["database"].endswith("(embedded)")
    assert await server.stop() == 0
    assert " ERROR " not in server.log()
    assert await command(server.data_dir, "verify") == (0, f"intact: 0 events, head {'00' * 32}\n")
