# What dynadb_async.bot_framework takes from its framework, for a type checker that has not got it.
