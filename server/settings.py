"""Every setting: its name in the environment, type, default, unit and meaning. Read once, at start."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

GIB = 1024**3
MIB = 1024**2


class Settings(BaseSettings):
    """The server's settings. Each is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address on which the server listens.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port on which the server listens; 0: any free one.")
    public_url: str = Field(
        default="",
        description="Address under which clients reach the server, for signed addresses; empty: as the request says.",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    data_dir: Path = Field(
        default=Path("data"), description="Folder of the embedded Postgres, the lake, the keys and the logs."
    )
    database_url: str = Field(default="", description="Postgres 15 or newer; empty: the embedded one in DATA_DIR.")
    listen_url: str = Field(
        default="", description="Postgres itself, where DATABASE_URL leads to a pooler; empty: DATABASE_URL."
    )
    api_key: str = Field(
        default="",
        description="The admin key, at least 16 characters; empty: one is made at first start and printed once.",
    )
    public_read: bool = Field(
        default=True, description="Whether the catalog (no rows, no events) is readable without a key."
    )
    worker: str = Field(
        default="inline", pattern="^(inline|none)$", description="inline: the server does runs itself; none."
    )
    max_concurrent_runs: int = Field(default=2, ge=1, le=64, description="Runs that one worker does at once.")
    schedule_seconds: float = Field(
        default=60.0, gt=0, description="How often a worker looks for what is due: expiry, sweeping, compaction."
    )
    sweep_grace_seconds: int = Field(
        default=86_400,
        ge=0,
        description="How long a file that nothing names stays, for whoever still reads it, in seconds.",
    )
    max_upload_bytes: int = Field(default=10 * GIB, ge=1, description="Largest upload, in bytes.")
    max_products: int = Field(default=1000, ge=0, description="How many data products there may be.")
    max_lineage_entries: int = Field(default=10_000, ge=0, description="How many edges of lineage there may be.")
    engine_memory: str = Field(default="512MB", description="Memory that DuckDB may use, such as 512MB.")
    engine_threads: int = Field(default=0, ge=0, description="Threads that DuckDB may use; 0: one for each core.")
    signing_key_file: Path | None = Field(
        default=None,
        description="Key of signed addresses; empty: DATA_DIR/keys/signing.key. Servers behind one name share it.",
    )
    privacy_key_file: Path | None = Field(
        default=None,
        description="Keys of tokens and pseudonyms; empty: DATA_DIR/keys/privacy.key. Losing them breaks joins.",
    )
    erase_at_deadline: bool = Field(
        default=False, description="Whether an erasure that is overdue is started by itself."
    )
    checkpoint_key_file: Path | None = Field(
        default=None,
        description="Key that signs checkpoints and receipts; empty: DATA_DIR/keys/checkpoint.key.",
    )
    checkpoint_events: int = Field(default=500, ge=1, description="After how many events a checkpoint is written.")
    checkpoint_seconds: float = Field(
        default=60.0, gt=0, description="After how many seconds a checkpoint is written where anything is new."
    )
    graphiql: bool = Field(default=True, description="Whether browsers get GraphiQL at /graphql.")
    graphiql_assets: str = Field(
        default="https://cdn.jsdelivr.net/npm", description="Where browsers load GraphiQL's scripts from."
    )
    allowed_origins: str = Field(default="", description="Other origins that may open sockets, separated by commas.")
    max_body_bytes: int = Field(default=MIB, ge=1024, description="Largest request body, in bytes.")
    max_tokens: int = Field(default=2000, ge=10, description="Most tokens in a GraphQL document.")
    max_depth: int = Field(default=15, ge=1, description="Deepest nesting of a GraphQL operation.")
    max_cost: int = Field(default=10_000, ge=1, description="Highest cost of a GraphQL operation, in points.")
    max_lineage_assets: int = Field(
        default=10_000, ge=1, le=20_000, description="Most assets that one lineage answer lists, nearest first."
    )
    operation_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Longest time of a GraphQL operation, in seconds."
    )
