/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * page.h - the files of the status page, in the program: embed.sh makes them of page.html, page.css
 * and page.js when it is built.
 */
#ifndef HTTP_ECHO_PAGE_H
#define HTTP_ECHO_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[], page_css[], page_js[];
extern const size_t page_html_length, page_css_length, page_js_length;

#endif
