"""Events and snapshots as documents, and back.

A document of the journal holds one event, or several that were persisted together:

    {key, sequence_number, event_id, created_at, tags, data, metadata}
    {key, sequence_number, events: [{sequence_number, event_id, created_at, tags, data, metadata}, ...]}

`sequence_number` is that of the first event. Empty metadata is absent. Data that BSON or some server can't hold exactly
is JSON text in `data_json`, in place of `data`; metadata, in `metadata_json`. A deleted event that remains as a
tombstone has `is_deleted`.

A document whose events were all deleted is a *husk*: `is_husk`, and no events.

A tombstone that begins a journal is stored as a deletion leaves it in a document of several events: `sequence_number`
is 1, and `events` holds only the tombstone. The unique index therefore accepts it only where no other record begins the
journal.

After the end of a journal there may be a *fence*, `{key, sequence_number, is_husk, fence}`: see `Fences`.

A snapshot is a document of another collection:

    {key, sequence_number, created_at, event_id, data, metadata, revision}
"""
