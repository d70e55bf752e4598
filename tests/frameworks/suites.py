"""Which frameworks are tried, on which releases, with which tests."""

from attrs import frozen

OURS = (
    "--confcutdir=tests/frameworks",
    "-p",
    "no:cacheprovider",
    "--import-mode=importlib",
    "-o",
    "asyncio_mode=auto",
    "-o",
    "junit_family=xunit1",  # with properties
    "-W",
    "error",
)


@frozen(kw_only=True)
class Theirs:
    """
    A framework's own tests, in its sdist.

    Attributes:
        plugin: Ours, which puts our class in the place of theirs, and says in `LEFT_OUT` which tests can't apply.
        tests: Files and folders of the sdist.
        least: So many must have passed, or the run has failed.
        options: For pytest.
    """

    plugin: str
    tests: tuple[str, ...]
    least: int
    options: tuple[str, ...] = ()


@frozen(kw_only=True)
class Suite:
    """
    A framework.

    Attributes:
        name: Of its distribution.
        version: The release that must work.
        needs: What its tests import besides.
        beside: What others offer for the same, installed without what it asks for.
        check: Our tests with it, a file in this folder.
        least: So many of them must have passed.
        options: For pytest: which of its own warnings are let pass.
        example: What the manual shows, if that is a file of `examples/`, and no block of a page.
        theirs: The framework's own tests, where they can be had.
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    check: str
    least: int
    options: tuple[str, ...] = ()
    example: str | None = None
    theirs: Theirs | None = None


OPENAI_TESTS = Theirs(
    plugin="openai_agents_plugin",
    tests=(
        *(
            f"tests/memory/test_{name}.py"
            for name in ("session", "session_limit", "openai_responses_compaction_session")
        ),
        *(f"tests/memory/test_{name}.py" for name in ("compaction_suffix", "compaction_model_visibility")),
        "tests/extensions/memory/test_encrypt_session.py",
        "tests/deferred_session_writes",
        *(f"tests/test_{name}.py" for name in ("agent_runner", "agent_runner_streamed", "max_turns", "soft_cancel")),
        *(f"tests/test_{name}.py" for name in ("tool_batch_failure_history", "native_tool_failure_history")),
        *(f"tests/test_{name}.py" for name in ("run_impl_resume_paths", "hitl_session_scenario", "cancel_streaming")),
        *(f"tests/test_{name}.py" for name in ("run_state_pending_input", "tool_failure_boundaries")),
        *(f"tests/test_{name}.py" for name in ("runtime_symmetry_contract", "programmatic_tool_calling")),
    ),
    least=1500,
    options=("-n", "2"),
)

AIOGRAM_TESTS = Theirs(
    plugin="aiogram_plugin",
    tests=(
        *(f"tests/test_fsm/test_{name}.py" for name in ("context", "middleware", "scene", "state", "strategy")),
        "tests/test_fsm/storage/test_storages.py",
        "tests/test_issues",
        "tests/test_dispatcher/test_dispatcher.py",
        "tests/test_filters/test_state.py",
    ),
    least=255,
    options=("-o", "asyncio_default_fixture_loop_scope=function"),
)

PYDANTIC_AI_STORES = (
    "pya-memory==0.0.1",
    "pydantic-ai-dynamodb-persistence==0.1.0",
    "pydantic-ai-persistence==0.1.0",
    "pydantic-ai-harness",
)

# The standard library's, which Pipecat imports as long as there is one.
AUDIOOP = ("-W", "ignore:'audioop':DeprecationWarning")

SUITES = (
    Suite(
        name="openai-agents",
        version="0.24.0",
        needs=(
            "aiosqlite>=0.21",
            "cryptography>=45",
            "httpx",
            "inline-snapshot>=0.20.7",
            "pytest-mock>=3.14,<4",
            "sqlalchemy[asyncio]>=2",
        ),
        beside=("openai-agents-session==0.1.0",),
        check="check_openai_agents.py",
        least=11,
        theirs=OPENAI_TESTS,
    ),
    Suite(name="claude-agent-sdk", version="0.2.189", check="check_claude_agent_sdk.py", least=11),
    Suite(name="agent-framework-core", version="1.23.0", check="check_agent_framework.py", least=8),
    Suite(
        name="pydantic-ai-slim",
        version="2.68.0",
        needs=("aiosqlite>=0.20",),
        beside=PYDANTIC_AI_STORES,
        check="check_pydantic_ai.py",
        least=6,
    ),
    Suite(
        name="livekit-agents",
        version="1.8.9",
        check="check_livekit_agents.py",
        least=8,
        example="examples/livekit_agent.py",
    ),
    Suite(
        name="pipecat-ai",
        version="1.14.0",
        check="check_pipecat_ai.py",
        least=9,
        options=AUDIOOP,
        example="examples/pipecat_bot.py",
    ),
    Suite(
        name="aiogram",
        version="3.31.0",
        # Its tests' conftest imports all of its storages.
        needs=(
            "aresponses==3.0.0",
            "motor>=3.3.2,<3.8",
            "pymongo>4.5,<4.18",
            "pytest-aiohttp==1.1.0",
            "python-dotenv",
            "pytz",
            "redis>=6.2,<8",
        ),
        beside=("dynamodb-fsm==0.0.2",),
        check="check_aiogram.py",
        least=16,
        theirs=AIOGRAM_TESTS,
    ),
    Suite(name="microsoft-agents-hosting-core", version="1.9.0", check="check_m365_agents.py", least=715),
    Suite(
        name="botbuilder-core",
        version="4.17.1",
        # What botbuilder-testing imports; itself it asks for another pytest.
        needs=("botbuilder-azure==4.17.1", "botbuilder-dialogs==4.17.1"),
        check="check_bot_framework.py",
        least=18,
    ),
    Suite(
        name="ask-sdk-core",
        version="1.19.0",
        beside=("ask-sdk-dynamodb-persistence-adapter==1.19.0",),
        check="check_ask_sdk.py",
        least=7,
    ),
)
