#include "xdetach/engine/proto.h"

void proto_init(struct proto *proto, const void *data, size_t size)
{
	*proto = (struct proto){.at = data, .end = (const uint8_t *)data + size};
}

static uint64_t fail(struct proto *proto)
{
	proto->failed = true;
	proto->at = proto->end;
	return 0;
}

static uint64_t take_varint(struct proto *proto)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (proto->at == proto->end)
			return fail(proto);
		uint8_t byte = *proto->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	return fail(proto);
}

static void take_bytes(struct proto *proto, struct proto_field *field, uint64_t size)
{
	if (size > (uint64_t)(proto->end - proto->at)) {
		fail(proto);
		return;
	}
	field->data = proto->at;
	field->size = (size_t)size;
	proto->at += size;
}

static void take_value(struct proto *proto, struct proto_field *field)
{
	switch (field->type) {
	case PROTO_VARINT:
		field->value = take_varint(proto);
		break;
	case PROTO_FIXED64:
		take_bytes(proto, field, 8);
		break;
	case PROTO_BYTES:
		take_bytes(proto, field, take_varint(proto));
		break;
	case PROTO_FIXED32:
		take_bytes(proto, field, 4);
		break;
	default:
		fail(proto);
	}
}

bool proto_next(struct proto *proto, struct proto_field *field)
{
	if (proto->failed || proto->at == proto->end)
		return false;
	*field = (struct proto_field){.whole = proto->at};
	uint64_t key = take_varint(proto);
	field->type = key & 7;
	field->number = (uint32_t)(key >> 3);
	if (key >> 32 || !field->number)
		fail(proto);
	if (!proto->failed)
		take_value(proto, field);
	if (proto->failed)
		return false;
	field->whole_size = (size_t)(proto->at - field->whole);
	return true;
}

void proto_put_varint(struct buf *out, uint64_t value)
{
	uint8_t bytes[10];
	size_t size = 0;
	for (; value >= 0x80; value >>= 7)
		bytes[size++] = (uint8_t)(value | 0x80);
	bytes[size++] = (uint8_t)value;
	buf_append(out, bytes, size);
}

void proto_put_number(struct buf *out, uint32_t number, uint64_t value)
{
	proto_put_varint(out, (uint64_t)number << 3 | PROTO_VARINT);
	proto_put_varint(out, value);
}

void proto_put_bytes(struct buf *out, uint32_t number, const void *data, size_t size)
{
	proto_put_varint(out, (uint64_t)number << 3 | PROTO_BYTES);
	proto_put_varint(out, size);
	buf_append(out, data, size);
}
