# What dynadb_async.aiogram takes from its framework, for a type checker that has not got it.
