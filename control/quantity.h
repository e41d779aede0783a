/*
 * quantity - numbers as people write them: counts, times, rates, sizes.
 *
 * A time, rate or size carries its unit; a bare number is refused, since 300
 * could be anything. Only decimal digits without sign, fraction or leading
 * zeros are numbers: `010`, `0x10` and `1e3` mean different things to different
 * readers.
 *
 * All return 0; -EINVAL: not such a text; -EDOM: a number, but without its
 * unit; -ERANGE: more than 64 bits hold.
 */
#ifndef CONTROL_QUANTITY_H
#define CONTROL_QUANTITY_H

#include <stdint.h>

/* `64` */
int quantity_count(const char *text, uint64_t *ret) __attribute__((warn_unused_result));

/* `300s`, `5m`, `1h`, `7d`, `500ms`, as milliseconds */
int quantity_duration(const char *text, uint64_t *ret_ms) __attribute__((warn_unused_result));

/* `1gbit`, `500mbit`, `64kbit`, `9600bit`, as bits a second (powers of 1000) */
int quantity_bitrate(const char *text, uint64_t *ret_bps) __attribute__((warn_unused_result));

/* `200kpps`, `1mpps`, `50pps`, as packets a second */
int quantity_packetrate(const char *text, uint64_t *ret_pps) __attribute__((warn_unused_result));

#endif
