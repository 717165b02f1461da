"""x"""
from pathlib import Path
def compare(dsn: str, folder: Path, commands: int) -> None: pass
