"""
What AWS itself says of a refusal, where that can be nobody's words.

Of some refusals the text is AWS's own: it names principals, actions, resources, limits and times, and never what is in
a request. But what answers may be anything, a proxy or another server that repeats what it was sent. So a text is
passed on only if each of its words is one that AWS uses there, or a name of AWS's.
"""

import re

LONGEST = 1000

# What AWS says, as far as it is known; DynamoDB Local and others say it alike. It is the words that count.
TEXTS = """
User is not authorized to perform: on resource: because no identity-based policy allows the action
because no resource-based policy allows because no session policy allows because no permissions boundary allows
because no service control policy allows because no resource control policy allows because no VPC endpoint policy allows
because no role trust policy allows with an explicit deny in an identity-based policy in a service control policy
on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based
policies allow access, or a resource-based policy explicitly denies access. User with accountId: Access denied.
KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException com.amazonaws.services.kms.model
The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not
allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; Request ID: Proxy: null)
The KMS key is disabled. The customer managed key is pending deletion, pending import or invalid state for the request.
The table is inaccessible because its AWS KMS encryption key was disabled, deleted or not found. AWSKMSDisabledException
The security token included in the request is invalid. The security token included in the request is expired.
The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and
signing method. Consult the service documentation for details. Signature expired: is now earlier than (- 15 min.)
Signature not yet current: is still later than (+ 5 min.) Credential should be scoped to a valid region. correct service
Request is missing Authentication Token. Missing Authentication Token. Authorization header requires parameter.
Request must contain either a valid (registered) AWS access key ID or X.509 certificate.
The AWS Access Key Id needs a subscription for the service.
The Access Key Id you provided does not exist in our records.
The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level
with the UpdateTable API. for one or more global secondary indexes of the table under-provisioned
Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so
please try again shortly. If exceptions persist, check if you have a hot key: Throughput exceeds the current throughput
limit for your account. Please contact AWS Support at request a limit increase. Throughput exceeds the maximum
OnDemandThroughput configured on table or index Rate exceeded. Rate of requests exceeds the allowed throughput.
Read throughput Write throughput exceeded for partition of table account quota Too many requests per second
Subscriber limit exceeded: There is a limit of tables per subscriber. account Only tables can be created, updated, or
deleted simultaneously. Too many operations for a given subscriber. Provisioned throughput decreases are limited within
a given UTC day. The maximum number of tables was reached. You have exceeded the limit for concurrent control plane
operations. CreateTable UpdateTable DeleteTable indexes being at the same time more than per region in
Requested resource not found: Table: not found. Cannot do operations on a non-existent table. non-existent
"""
MARKS = ".,;:()'\"!?[]"
WORDS = frozenset(word.strip(MARKS).lower() for word in TEXTS.split())

# Names of AWS's: what may stand between its words.
NAME = re.compile(
    r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:\d{0,12}:[\w+=,.@:/*-]{1,512}"  # a principal, a table, a key
    r"|[a-z0-9-]+:[A-Z][A-Za-z]+"  # an action
    r"|\d+|\d{8}T\d{6}Z|[A-Z0-9]{52}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # a number, a time, ids of requests
    r"|[a-z]{2}(-[a-z]+){1,2}-\d"  # a region
    r"|https://[a-z0-9.-]*\.?aws\.amazon\.com(/[\w./#-]*)?|[-+*]"
)

SAFE = frozenset(
    {
        *("AccessDeniedException", "AccessDenied", "UnauthorizedOperation"),
        *("KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException"),
        *("InaccessibleEncryptionCredentialsException", "AWSKMSException", "KMSKeyNotAccessibleFault"),
        *("ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "IncompleteSignatureException"),
        *("InvalidSignatureException", "SignatureDoesNotMatch", "MissingAuthenticationToken"),
        *(
            "MissingAuthenticationTokenException",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "OptInRequired",
        ),
        *("ProvisionedThroughputExceededException", "RequestLimitExceeded", "Throttling", "ThrottlingException"),
        *("ThrottledException", "TooManyRequestsException", "LimitExceededException", "ResourceNotFoundException"),
    }
)


def reason_of(code: str, message: object, own_names: frozenset[str] = frozenset()) -> str:
    """
    AWS's text, in one line; empty where it may not be passed on.

    Args:
        code: The error's code.
        message: The text.
        own_names: Names of our own settings, such as the table's, that may be in it.
    """
    if code not in SAFE or not isinstance(message, str):
        return ""
    # What comes after the first line of a refused signature is what should have been signed, the token with it.
    line = message.split("\n", 1)[0].strip()
    if len(line) > LONGEST or not all(_is_known(word, own_names) for word in line.split()):
        return ""
    return line


def _is_known(word: str, own_names: frozenset[str]) -> bool:
    bare = word.strip(MARKS)
    return not bare or bare.lower() in WORDS or bare in own_names or NAME.fullmatch(bare) is not None
