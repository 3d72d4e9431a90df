"""Messages for the topics identify, track and transactional, as type checkers see them.

Made from the JSON Schemas by `npm run schemas`: do not edit. Needs Python 3.11 or newer, and nothing else.
The types say which fields there are. Lengths and formats are in the JSON Schemas.
"""

from typing import Any, Literal, NotRequired, TypedDict, Union


# An e-mail address. At most 1,000 bytes of UTF-8: fewer characters where they are not ASCII.
EmailAddress = str


class PersonIdentifiers(TypedDict):
    """A person, by exactly one of the fields."""

    # The person's id in your system. A number is taken as its digits. At most 150 bytes of UTF-8: fewer characters
    # where they are not ASCII.
    id: NotRequired[Union[str, int]]
    # The person's e-mail address.
    email: NotRequired[EmailAddress]
    # The id that Customer.io gave the person. At most 1,000 bytes of UTF-8: fewer characters where they are not
    # ASCII.
    cio_id: NotRequired[Union[str, int]]
    # The person's phone number in E.164 format.
    phone: NotRequired[str]


# What to store under which name. Names and values that are strings have a limit in bytes of UTF-8, not in
# characters: 150 and 1,000.
Attributes = dict[str, Any]


# Any JSON object, nested up to 64 levels deep. Send integers beyond 2^53 as strings.
JsonObject = dict[str, Any]


class ObjectIdentifiers(TypedDict):
    """An object, such as a company: object_type_id and object_id, or cio_object_id."""

    # The number of the type of object.
    object_type_id: NotRequired[Union[str, int]]
    # The object's id in your system. At most 1,000 bytes of UTF-8: fewer characters where they are not ASCII.
    object_id: NotRequired[Union[str, int]]
    # The id that Customer.io gave the object. At most 1,000 bytes of UTF-8: fewer characters where they are not
    # ASCII.
    cio_object_id: NotRequired[Union[str, int]]


class RelationshipToObject(TypedDict):
    """An object that the person is related to."""

    # Who or what it is about.
    identifiers: ObjectIdentifiers
    # What to store with the relationship, by name.
    relationship_attributes: NotRequired[Union[Attributes, None]]


# Unix seconds, or an ISO-8601 date-time with its time zone. Fractions of a second are cut off. Not before 1970,
# not in milliseconds, and not more than a day ahead, but for send_at.
UnixSeconds = Union[Union[int, float], str]


class KnownPersonIdentifiers(TypedDict):
    """A person, by exactly one of the fields."""

    # The person's id in your system. A number is taken as its digits. At most 150 bytes of UTF-8: fewer characters
    # where they are not ASCII.
    id: NotRequired[Union[str, int]]
    # The person's e-mail address.
    email: NotRequired[EmailAddress]
    # The id that Customer.io gave the person. At most 1,000 bytes of UTF-8: fewer characters where they are not
    # ASCII.
    cio_id: NotRequired[Union[str, int]]


class Device(TypedDict):
    """A device that push messages go to."""

    # The token of the device.
    token: str
    # The platform of the device.
    platform: Literal["ios", "iOS", "IOS", "Ios", "android", "Android", "ANDROID"]
    # When the device was last used.
    last_used: NotRequired[Union[UnixSeconds, None]]
    # Data of the device.
    attributes: NotRequired[Union[JsonObject, None]]


class DeviceToken(TypedDict):
    """A device that is to be removed."""

    # The token of the device.
    token: str


class RelationshipToPerson(TypedDict):
    """A person who is related to the object."""

    # Who or what it is about.
    identifiers: KnownPersonIdentifiers
    # What to store with the relationship, by name.
    relationship_attributes: NotRequired[Union[Attributes, None]]


class AnonymousIdentifiers(TypedDict):
    """A visitor who is not known yet."""

    # The id of a visitor who is not known yet. At most 1,000 bytes of UTF-8: fewer characters where they are not
    # ASCII.
    anonymous_id: Union[str, int]


class RelationshipToAnonymous(TypedDict):
    """A visitor who is not known yet and is related to the object."""

    # Who or what it is about.
    identifiers: AnonymousIdentifiers
    # What to store with the relationship, by name.
    relationship_attributes: NotRequired[Union[Attributes, None]]


class PersonIdentify(TypedDict):
    """Creates or updates a person."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: NotRequired[Literal["identify"]]
    # Who or what it is about.
    identifiers: PersonIdentifiers
    # What to store, by name.
    attributes: NotRequired[Union[Attributes, None]]
    # What it is related to.
    cio_relationships: NotRequired[Union[list[RelationshipToObject], None]]
    # Orders the updates of one person. When the message was published, if absent.
    timestamp: NotRequired[Union[UnixSeconds, None]]


class PersonDelete(TypedDict):
    """Deletes a person."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["delete"]
    # Who or what it is about.
    identifiers: PersonIdentifiers


class PersonSuppress(TypedDict):
    """Deletes a person and ignores what comes for their identifiers from then on."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["suppress"]
    # Who or what it is about.
    identifiers: PersonIdentifiers


class PersonUnsuppress(TypedDict):
    """Lets identifiers of a suppressed person be used again."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["unsuppress"]
    # Who or what it is about.
    identifiers: PersonIdentifiers


class PersonMerge(TypedDict):
    """Merges the second person into the first; the second is deleted."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["merge"]
    # The person who remains.
    primary: KnownPersonIdentifiers
    # The person who is merged and deleted.
    secondary: KnownPersonIdentifiers


class PersonAddDevice(TypedDict):
    """Adds a device to a person, or updates it."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["add_device"]
    # Who or what it is about.
    identifiers: PersonIdentifiers
    # The device.
    device: Device


class PersonDeleteDevice(TypedDict):
    """Removes a device from a person."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["delete_device"]
    # Who or what it is about.
    identifiers: PersonIdentifiers
    # The device.
    device: DeviceToken


class PersonAddRelationships(TypedDict):
    """Relates a person to objects."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["add_relationships"]
    # Who or what it is about.
    identifiers: PersonIdentifiers
    # What it is related to.
    cio_relationships: list[RelationshipToObject]


class PersonDeleteRelationships(TypedDict):
    """Ends relationships of a person to objects."""

    # Whether the operation is on a person or on an object.
    type: NotRequired[Literal["person"]]
    # What to do.
    action: Literal["delete_relationships"]
    # Who or what it is about.
    identifiers: PersonIdentifiers
    # What it is related to.
    cio_relationships: list[RelationshipToObject]


class ObjectIdentify(TypedDict):
    """Creates or updates an object."""

    # Whether the operation is on a person or on an object.
    type: Literal["object"]
    # What to do.
    action: NotRequired[Literal["identify"]]
    # Who or what it is about.
    identifiers: ObjectIdentifiers
    # What to store, by name.
    attributes: NotRequired[Union[Attributes, None]]
    # What it is related to.
    cio_relationships: NotRequired[Union[list[RelationshipToPerson], None]]


class ObjectIdentifyAnonymous(TypedDict):
    """Creates or updates an object and relates visitors to it who are not known yet."""

    # Whether the operation is on a person or on an object.
    type: Literal["object"]
    # What to do.
    action: Literal["identify_anonymous"]
    # Who or what it is about.
    identifiers: ObjectIdentifiers
    # What to store, by name.
    attributes: NotRequired[Union[Attributes, None]]
    # What it is related to.
    cio_relationships: NotRequired[Union[list[RelationshipToAnonymous], None]]
    # The id of a visitor who is not known yet.
    anonymous_id: NotRequired[Union[Union[str, int], None]]


class ObjectDelete(TypedDict):
    """Deletes an object."""

    # Whether the operation is on a person or on an object.
    type: Literal["object"]
    # What to do.
    action: Literal["delete"]
    # Who or what it is about.
    identifiers: ObjectIdentifiers
    # What to store, by name.
    attributes: NotRequired[Union[Attributes, None]]


class ObjectAddRelationships(TypedDict):
    """Relates an object to people."""

    # Whether the operation is on a person or on an object.
    type: Literal["object"]
    # What to do.
    action: Literal["add_relationships"]
    # Who or what it is about.
    identifiers: ObjectIdentifiers
    # What to store, by name.
    attributes: NotRequired[Union[Attributes, None]]
    # What it is related to.
    cio_relationships: list[RelationshipToPerson]


class ObjectDeleteRelationships(TypedDict):
    """Ends relationships of an object to people."""

    # Whether the operation is on a person or on an object.
    type: Literal["object"]
    # What to do.
    action: Literal["delete_relationships"]
    # Who or what it is about.
    identifiers: ObjectIdentifiers
    # What to store, by name.
    attributes: NotRequired[Union[Attributes, None]]
    # What it is related to.
    cio_relationships: list[RelationshipToPerson]


# A message of the topic identify: an operation on a person or an object. As JSON at most 29,900 bytes of UTF-8.
IdentifyMessage = Union[PersonIdentify, PersonDelete, PersonSuppress, PersonUnsuppress, PersonMerge, PersonAddDevice, PersonDeleteDevice, PersonAddRelationships, PersonDeleteRelationships, ObjectIdentify, ObjectIdentifyAnonymous, ObjectDelete, ObjectAddRelationships, ObjectDeleteRelationships]


class PersonOrAnonymousIdentifiers(TypedDict):
    """A person, or a visitor who is not known yet, by exactly one of the fields."""

    # The person's id in your system. A number is taken as its digits. At most 150 bytes of UTF-8: fewer characters
    # where they are not ASCII.
    id: NotRequired[Union[str, int]]
    # The person's e-mail address.
    email: NotRequired[EmailAddress]
    # The id that Customer.io gave the person. At most 1,000 bytes of UTF-8: fewer characters where they are not
    # ASCII.
    cio_id: NotRequired[Union[str, int]]
    # The person's phone number in E.164 format.
    phone: NotRequired[str]
    # The id of a visitor who is not known yet. At most 1,000 bytes of UTF-8: fewer characters where they are not
    # ASCII.
    anonymous_id: NotRequired[Union[str, int]]


class TrackMessage(TypedDict):
    """A message of the topic track: an event of a person, known or anonymous. As JSON at most 29,900 bytes of UTF-8."""

    # Events are of people.
    type: NotRequired[Literal["person"]]
    # An event of your own, a page that was seen or a screen that was seen.
    action: NotRequired[Literal["event", "page", "screen"]]
    # Who or what it is about.
    identifiers: PersonOrAnonymousIdentifiers
    # The name of the event, page or screen. At most 100 bytes of UTF-8, but for a page.
    name: str
    # Data of the event.
    attributes: NotRequired[Union[JsonObject, None]]
    # When it happened. When the message was published, if absent.
    timestamp: NotRequired[Union[UnixSeconds, None]]
    # A ULID. Customer.io ignores an event whose id it has seen. Derived from the message's idempotency key if
    # absent.
    id: NotRequired[Union[str, None]]


class SegmentFilter(TypedDict):
    """People in a segment."""

    # The number of the segment.
    id: int


class AttributeFilter(TypedDict):
    """People whose attribute exists, or is equal (eq) to the value."""

    # The name of the attribute.
    field: str
    # How to compare it.
    operator: Literal["eq", "exists"]
    # What it must be equal to. Required for eq.
    value: NotRequired[Union[str, Union[int, float], bool]]


# A filter on people. Each group and condition must say something.
Filter = TypedDict("Filter", {
    # People who fit all of these.
    "and": NotRequired[list["Filter"]],
    # People who fit any of these.
    "or": NotRequired[list["Filter"]],
    # People who do not fit this.
    "not": NotRequired["Filter"],
    # People in this segment.
    "segment": NotRequired[SegmentFilter],
    # People with this attribute.
    "attribute": NotRequired[AttributeFilter],
})


class BroadcastPerson(TypedDict):
    """One of the people whom a broadcast goes to. Exactly one of id and email."""

    # The person's id in your system. A number is taken as its digits. At most 150 bytes of UTF-8: fewer characters
    # where they are not ASCII.
    id: NotRequired[Union[str, int]]
    # What the broadcast fills in for this person.
    data: NotRequired[Union[JsonObject, None]]
    # The person's e-mail address.
    email: NotRequired[EmailAddress]


# Sends an e-mail, from a template or with body, subject and from. to, cc and bcc together name at most 15
# recipients.
Email = TypedDict("Email", {
    # Who or what it is about.
    "identifiers": KnownPersonIdentifiers,
    # What the template fills in.
    "message_data": NotRequired[Union[JsonObject, None]],
    # When to send it, at most 90 days ahead. At once if absent.
    "send_at": NotRequired[Union[UnixSeconds, None]],
    # Whether the message is held as a draft, until somebody sends it from the page Deliveries and Drafts.
    "queue_draft": NotRequired[Union[bool, None]],
    # The language of the template to use, if not the one of the profile.
    "language": NotRequired[Union[str, None]],
    # Whether Customer.io creates the person if there is none.
    "auto_create": NotRequired[Union[bool, None]],
    # How the message is sent.
    "channel": Literal["email"],
    # Whether Customer.io forgets the content of the message.
    "disable_message_retention": NotRequired[Union[bool, None]],
    # The template's number or its trigger name.
    "transactional_message_id": NotRequired[Union[Union[int, str], None]],
    # E-mail addresses, separated by commas, with or without a name; or Liquid.
    "to": str,
    # Who it is from, in place of the template's sender.
    "from": NotRequired[Union[str, None]],
    # The subject, in place of the template's.
    "subject": NotRequired[Union[str, None]],
    # The HTML body, in place of the template's.
    "body": NotRequired[Union[str, None]],
    # The plain-text body, in place of the template's.
    "body_plain": NotRequired[Union[str, None]],
    # The AMP body, in place of the template's.
    "body_amp": NotRequired[Union[str, None]],
    # The preview text, in place of the template's.
    "preheader": NotRequired[Union[str, None]],
    # E-mail addresses, separated by commas, with or without a name; or Liquid. Each of them sees the others.
    "cc": NotRequired[Union[str, None]],
    # E-mail addresses, separated by commas, with or without a name; or Liquid. Nobody sees them.
    "bcc": NotRequired[Union[str, None]],
    # Whether bcc recipients get a copy with the recipients in its subject line, instead of the message itself.
    "fake_bcc": NotRequired[Union[bool, None]],
    # Where answers go.
    "reply_to": NotRequired[Union[str, None]],
    # Headers of the e-mail: an object of names and values, or the same as JSON text.
    "headers": NotRequired[Union[Union[str, dict[str, str]], None]],
    # Files by name with extension, their content in base64; decoded and together at most 2,000,000 bytes.
    "attachments": NotRequired[Union[dict[str, str], None]],
    # Whether opens and clicks are tracked.
    "tracked": NotRequired[Union[bool, None]],
    # Whether the CSS stays as it is written.
    "disable_css_preprocessing": NotRequired[Union[bool, None]],
    # Whether to send although the person has unsubscribed.
    "send_to_unsubscribed": NotRequired[Union[bool, None]],
})


class Push(TypedDict):
    """Sends a push message from a template."""

    # Who or what it is about.
    identifiers: KnownPersonIdentifiers
    # What the template fills in.
    message_data: NotRequired[Union[JsonObject, None]]
    # When to send it, at most 90 days ahead. At once if absent.
    send_at: NotRequired[Union[UnixSeconds, None]]
    # Whether the message is held as a draft, until somebody sends it from the page Deliveries and Drafts.
    queue_draft: NotRequired[Union[bool, None]]
    # The language of the template to use, if not the one of the profile.
    language: NotRequired[Union[str, None]]
    # Whether Customer.io creates the person if there is none.
    auto_create: NotRequired[Union[bool, None]]
    # The template's number or its trigger name.
    transactional_message_id: Union[int, str]
    # How the message is sent.
    channel: Literal["push"]
    # Whether Customer.io forgets the content of the message.
    disable_message_retention: NotRequired[Union[bool, None]]
    # all, last_used or the token of a device.
    to: NotRequired[Union[str, None]]
    # The title, in place of the template's.
    title: NotRequired[Union[str, None]]
    # The text, in place of the template's.
    message: NotRequired[Union[str, None]]
    # The address of the image, in place of the template's.
    image_url: NotRequired[Union[str, None]]
    # What a tap opens, in place of the template's.
    link: NotRequired[Union[str, None]]
    # The sound, in place of the template's.
    sound: NotRequired[Union[str, None]]
    # Data for the app.
    custom_data: NotRequired[Union[JsonObject, None]]
    # A device that is not among those of the person.
    custom_device: NotRequired[Union[Device, None]]
    # The whole payload, in place of the template's.
    custom_payload: NotRequired[Union[JsonObject, None]]
    # Whether to send although the person has unsubscribed.
    send_to_unsubscribed: NotRequired[Union[bool, None]]


# Sends a text message from a template.
Sms = TypedDict("Sms", {
    # Who or what it is about.
    "identifiers": KnownPersonIdentifiers,
    # What the template fills in.
    "message_data": NotRequired[Union[JsonObject, None]],
    # When to send it, at most 90 days ahead. At once if absent.
    "send_at": NotRequired[Union[UnixSeconds, None]],
    # Whether the message is held as a draft, until somebody sends it from the page Deliveries and Drafts.
    "queue_draft": NotRequired[Union[bool, None]],
    # The language of the template to use, if not the one of the profile.
    "language": NotRequired[Union[str, None]],
    # Whether Customer.io creates the person if there is none.
    "auto_create": NotRequired[Union[bool, None]],
    # The template's number or its trigger name.
    "transactional_message_id": Union[int, str],
    # Whether Customer.io forgets the content of the message.
    "disable_message_retention": NotRequired[Union[bool, None]],
    # Who it is from, in place of the template's sender.
    "from": NotRequired[Union[str, None]],
    # Whether opens and clicks are tracked.
    "tracked": NotRequired[Union[bool, None]],
    # Whether to send although the person has unsubscribed.
    "send_to_unsubscribed": NotRequired[Union[bool, None]],
    # How the message is sent.
    "channel": Literal["sms"],
    # The phone number in E.164 format, or Liquid, such as {{customer.phone}}.
    "to": str,
})


# Sends a WhatsApp message from a template.
Whatsapp = TypedDict("Whatsapp", {
    # Who or what it is about.
    "identifiers": KnownPersonIdentifiers,
    # What the template fills in.
    "message_data": NotRequired[Union[JsonObject, None]],
    # When to send it, at most 90 days ahead. At once if absent.
    "send_at": NotRequired[Union[UnixSeconds, None]],
    # Whether the message is held as a draft, until somebody sends it from the page Deliveries and Drafts.
    "queue_draft": NotRequired[Union[bool, None]],
    # The language of the template to use, if not the one of the profile.
    "language": NotRequired[Union[str, None]],
    # Whether Customer.io creates the person if there is none.
    "auto_create": NotRequired[Union[bool, None]],
    # The template's number or its trigger name.
    "transactional_message_id": Union[int, str],
    # Whether Customer.io forgets the content of the message.
    "disable_message_retention": NotRequired[Union[bool, None]],
    # Who it is from, in place of the template's sender.
    "from": NotRequired[Union[str, None]],
    # Whether opens and clicks are tracked.
    "tracked": NotRequired[Union[bool, None]],
    # Whether to send although the person has unsubscribed.
    "send_to_unsubscribed": NotRequired[Union[bool, None]],
    # How the message is sent.
    "channel": Literal["whatsapp"],
    # The phone number in E.164 format, or Liquid, such as {{customer.phone}}. The one of the profile when absent.
    "to": NotRequired[Union[str, None]],
})


class InApp(TypedDict):
    """Sends an in-app message from a template."""

    # Who or what it is about.
    identifiers: KnownPersonIdentifiers
    # What the template fills in.
    message_data: NotRequired[Union[JsonObject, None]]
    # When to send it, at most 90 days ahead. At once if absent.
    send_at: NotRequired[Union[UnixSeconds, None]]
    # Whether the message is held as a draft, until somebody sends it from the page Deliveries and Drafts.
    queue_draft: NotRequired[Union[bool, None]]
    # The language of the template to use, if not the one of the profile.
    language: NotRequired[Union[str, None]]
    # Whether Customer.io creates the person if there is none.
    auto_create: NotRequired[Union[bool, None]]
    # The template's number or its trigger name.
    transactional_message_id: Union[int, str]
    # How the message is sent.
    channel: Literal["in_app"]


class InboxMessage(TypedDict):
    """Sends a message to the inbox in the app, from a template."""

    # Who or what it is about.
    identifiers: KnownPersonIdentifiers
    # What the template fills in.
    message_data: NotRequired[Union[JsonObject, None]]
    # When to send it, at most 90 days ahead. At once if absent.
    send_at: NotRequired[Union[UnixSeconds, None]]
    # Whether the message is held as a draft, until somebody sends it from the page Deliveries and Drafts.
    queue_draft: NotRequired[Union[bool, None]]
    # The language of the template to use, if not the one of the profile.
    language: NotRequired[Union[str, None]]
    # Whether Customer.io creates the person if there is none.
    auto_create: NotRequired[Union[bool, None]]
    # The template's number or its trigger name.
    transactional_message_id: Union[int, str]
    # How the message is sent.
    channel: Literal["inbox_message"]
    # Overrides the recipient. As a rule absent: the message goes to the person.
    to: NotRequired[Union[str, None]]


class Broadcast(TypedDict):
    """Triggers a broadcast, to at most one of recipients, ids, emails, per_user_data and data_file_url; without any,
    to the audience that is set up at Customer.io."""

    # How the message is sent.
    channel: Literal["broadcast"]
    # The number of the broadcast.
    broadcast_id: int
    # What the broadcast fills in. Without an audience beside it, no filter and no field named like an audience.
    data: NotRequired[Union[JsonObject, None]]
    # A filter on segments and attributes: exactly one of its fields.
    recipients: NotRequired[Filter]
    # Ids of people.
    ids: NotRequired[list[Union[str, int]]]
    # E-mail addresses of people.
    emails: NotRequired[list[EmailAddress]]
    # People, each with data of their own.
    per_user_data: NotRequired[list[BroadcastPerson]]
    # Where a file of people with data lies: an http or https address.
    data_file_url: NotRequired[str]
    # Whether to skip ids that nobody has, rather than to fail.
    id_ignore_missing: NotRequired[Union[bool, None]]
    # Whether to skip addresses that nobody has, rather than to fail.
    email_ignore_missing: NotRequired[Union[bool, None]]
    # Whether everybody who shares an address gets the message, rather than that the broadcast fails.
    email_add_duplicates: NotRequired[Union[bool, None]]


# A message of the topic transactional: a message to one person, or a broadcast. As JSON without its attachments
# at most 1,000,000 bytes of UTF-8.
TransactionalMessage = Union[Email, Push, Sms, Whatsapp, InApp, InboxMessage, Broadcast]


class MessageAttributes(TypedDict):
    """The attributes of a Pub/Sub message that mean something here. All values are strings; others pass."""

    # Your own name for what should happen once, however often it is published. At most 1,024 bytes of UTF-8: fewer
    # characters where they are not ASCII.
    idempotency_key: NotRequired[str]
    # The W3C trace context to continue.
    traceparent: NotRequired[str]
    # bulk: waits with other bulk messages and holds up no urgent one. Order holds within one lane.
    lane: NotRequired[Literal["bulk"]]
    # From this moment on it is not sent: Unix seconds, or an ISO-8601 date-time with its time zone.
    expires_at: NotRequired[str]
