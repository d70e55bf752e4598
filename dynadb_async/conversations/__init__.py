"""
Conversations: logs of messages beside the users' items, in a second table.

A conversation is appended to, read from its end, cut, and deleted with its user. However many append at once, there is
one order for all readers, and nothing is lost or doubled: an append is one transaction of the conversation's head and
the new entry, on condition that the head is as it was known.
"""

from dynadb_async.conversations.codec import ConversationSerializer
from dynadb_async.conversations.conversation import Conversation
from dynadb_async.conversations.face import Appended, ConversationInfo
from dynadb_async.turn import Page

__all__ = ["Appended", "Conversation", "ConversationInfo", "ConversationSerializer", "Page"]
