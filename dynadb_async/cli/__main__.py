"""`python -m dynadb_async.cli`, where the command itself is not on the path."""

from dynadb_async.cli import main

if __name__ == "__main__":
    main()
