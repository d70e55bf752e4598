"""
A voice agent on LiveKit that knows the person again, and goes on where the last call ended.

    pip install dynadb-async livekit-agents
    python -m examples.livekit_agent console          (or dev, or start)

Where DynamoDB is, the environment says: AWS_REGION and credentials as usual, or DYNADB_CLIENT__ENDPOINT_URL and so on.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, function_tool
from livekit.agents.llm import ChatContext
from livekit.agents.voice import ConversationItemAddedEvent, FunctionToolsExecutedEvent

from dynadb_async import AsyncDynamoDb, Conversations, DynamoDbConfig
from dynadb_async.conversations import Conversation
from examples.transcript import Transcript

CONFIG = DynamoDbConfig("voice-users", conversations=Conversations("voice-conversations"))
PROMPT = 40  # items that a new call begins with; the log itself has no end
TALK = "calls"  # one for each person
NOT_KEPT = {"metrics", "hash"}


async def agent_for(db: AsyncDynamoDb[Any], user_id: str) -> Agent:
    """The agent of one call: it knows the newest part of what was said, and what the person is called."""
    async with db.turn(user_id) as turn:
        turn.user.data["calls"] = turn.user.data.get("calls", 0) + 1
        name = turn.user.data.get("name", "unknown")

    async def remember_name(name: str) -> str:
        """Call this when the person says what they are called."""
        async with db.turn(user_id) as turn:
            turn.user.data["name"] = name
        return "It is remembered."

    return Agent(
        instructions=f"You are a friendly voice assistant. The person's name: {name}.",
        chat_ctx=await past(db.conversation(user_id, TALK)),
        tools=[function_tool(remember_name)],
    )


async def past(talk: Conversation) -> ChatContext:
    """The newest part of the conversation. It does not begin with a tool's answer to nobody."""
    page = await talk.messages(PROMPT + 1)
    return ChatContext.from_dict({"items": page.messages}).truncate(max_items=PROMPT)


@asynccontextmanager
async def kept(session: AgentSession[Any], talk: Conversation) -> AsyncGenerator[None]:
    """
    Store what is said in *session*, until the block ends: of an answer that was cut short what was spoken of it.

    Each item once, by its id, however often the event is heard.
    """
    async with Transcript(talk) as transcript:

        def said(event: ConversationItemAddedEvent) -> None:
            if event.item.type == "message":
                transcript.add(event.item.id, stored(event.item))

        def used(event: FunctionToolsExecutedEvent) -> None:
            for call, result in event.zipped():
                if result is not None:
                    transcript.add(call.id, stored(call), stored(result))

        session.on("conversation_item_added", said)
        session.on("function_tools_executed", used)
        try:
            yield
        finally:
            # Whoever hangs up in the middle of an answer: what was spoken of it is told before this ends.
            await session.aclose()


def stored(item: Any) -> dict[str, Any]:
    """As JSON, without what was measured."""
    return item.model_dump(mode="json", exclude=NOT_KEPT, exclude_none=True)  # type: ignore[no-any-return]


server = AgentServer()


async def entrypoint(context: JobContext) -> None:
    """One call, from the first word until the person hangs up."""
    call = AsyncExitStack()
    # However the call ends: what was said is stored before the process goes.
    context.add_shutdown_callback(call.aclose)
    db = await call.enter_async_context(AsyncDynamoDb(DynamoDbConfig.from_env(base=CONFIG)))
    await context.connect()
    # In a real app: who the person is by your own sign-on, or the number that they call from.
    user_id = (await context.wait_for_participant()).identity
    session: AgentSession[Any] = AgentSession(llm="openai/gpt-5-mini", stt="deepgram/nova-3", tts="cartesia/sonic-3")
    await call.enter_async_context(kept(session, db.conversation(user_id, TALK)))
    await session.start(await agent_for(db, user_id), room=context.room)


server.rtc_session(entrypoint)

if __name__ == "__main__":
    cli.run_app(server)
