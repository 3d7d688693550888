/* SPDX-License-Identifier: Apache-2.0
 *
 * QR codes, see qr.h: libqrencode makes the squares, libpng the file. A square is eight pixels wide, and four
 * squares of white are around it, as the standard asks.
 */
#include "reeve/qr.h"

#include "base/buf.h"
#include "base/file.h"
#include <errno.h>
#include <png.h>
#include <qrencode.h>
#include <string.h>

#define SQUARE    8 /* pixels: a byte of a row, at one bit a pixel */
#define QUIET     4 /* squares */
#define ROW_MAX   (177 + 2 * QUIET)
#define PNG_MAX   (1u << 20)
#define WHITE     0xff
#define FILE_MODE 0600

static void add_bytes(png_structp png, png_bytep p, size_t n)
{
	buf_add(png_get_io_ptr(png), p, n);
}

static void flush_nothing(png_structp png)
{
	(void)png;
}

/* One row of squares; outside of the code it is white. */
static void fill_row(const QRcode *code, int y, uint8_t row[ROW_MAX])
{
	memset(row, WHITE, ROW_MAX);
	if (y < 0 || y >= code->width)
		return;
	for (int x = 0; x < code->width; x++)
		if (code->data[y * code->width + x] & 1)
			row[QUIET + x] = 0;
}

static void write_rows(png_structp png, const QRcode *code)
{
	uint8_t row[ROW_MAX];
	for (int y = -QUIET; y < code->width + QUIET; y++) {
		fill_row(code, y, row);
		for (int line = 0; line < SQUARE; line++)
			png_write_row(png, row);
	}
}

/* libpng leaves by longjmp() when something is wrong; nothing is owned between. */
static int encode(const QRcode *code, struct buf *out)
{
	png_uint_32 side = (png_uint_32)(code->width + 2 * QUIET) * SQUARE;
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	if (!info) {
		png_destroy_write_struct(&png, NULL);
		return -ENOMEM;
	}
	if (setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return -EIO;
	}
	png_set_write_fn(png, out, add_bytes, flush_nothing);
	png_set_IHDR(png, info, side, side, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	write_rows(png, code);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	return out->failed ? -ENOMEM : 0;
}

int qr_write(const char *path, const char *text, struct error *err)
{
	CLEANUP(buf_fini) struct buf png;
	buf_init(&png, PNG_MAX);
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	if (!code)
		return error_set(err, ERR_INVALID, "the text does not fit a QR code");
	int r = encode(code, &png);
	QRcode_free(code);
	if (r == 0)
		r = file_write_atomic(path, buf_span(&png), FILE_MODE);
	return r ? error_set(err, ERR_UNAVAILABLE, "%.200s: %s", path, strerror(-r)) : 0;
}
