/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The linker's names of the functions that the files of kevy-tls share: a static library hides
 * nothing, so these carry the prefix of the project too.
 */
#ifndef KEVY_TLS_NAMES_H
#define KEVY_TLS_NAMES_H

#define tls_bio_attach               kevy_x_tls_bio_attach
#define tls_bio_method               kevy_x_tls_bio_method
#define tls_context_enter            kevy_x_tls_context_enter
#define tls_context_keep             kevy_x_tls_context_keep
#define tls_context_release          kevy_x_tls_context_release
#define tls_context_setup            kevy_x_tls_context_setup
#define tls_context_verifies_nothing kevy_x_tls_context_verifies_nothing
#define tls_continue                 kevy_x_tls_continue
#define tls_ending_begin             kevy_x_tls_ending_begin
#define tls_ending_count             kevy_x_tls_ending_count
#define tls_ending_over              kevy_x_tls_ending_over
#define tls_error_take               kevy_x_tls_error_take
#define tls_fail                     kevy_x_tls_fail
#define tls_fail_ssl                 kevy_x_tls_fail_ssl
#define tls_hello_begin              kevy_x_tls_hello_begin
#define tls_hello_install            kevy_x_tls_hello_install
#define tls_hold_above_mark          kevy_x_tls_hold_above_mark
#define tls_kernel_alert             kevy_x_tls_kernel_alert
#define tls_kernel_control           kevy_x_tls_kernel_control
#define tls_kernel_prepare           kevy_x_tls_kernel_prepare
#define tls_kernel_record            kevy_x_tls_kernel_record
#define tls_kernel_write             kevy_x_tls_kernel_write
#define tls_loop_admits              kevy_x_tls_loop_admits
#define tls_loop_answered            kevy_x_tls_loop_answered
#define tls_loop_await_memory        kevy_x_tls_loop_await_memory
#define tls_loop_continue            kevy_x_tls_loop_continue
#define tls_loop_end                 kevy_x_tls_loop_end
#define tls_loop_enter               kevy_x_tls_loop_enter
#define tls_loop_leave               kevy_x_tls_loop_leave
#define tls_loop_unlink              kevy_x_tls_loop_unlink
#define tls_notify                   kevy_x_tls_notify
#define tls_pem_load                 kevy_x_tls_pem_load
#define tls_session_install          kevy_x_tls_session_install
#define tls_session_offer            kevy_x_tls_session_offer
#define tls_sessions_clear           kevy_x_tls_sessions_clear
#define tls_setup_create             kevy_x_tls_setup_create
#define tls_setup_release            kevy_x_tls_setup_release
#define tls_setup_trust              kevy_x_tls_setup_trust

#endif /* KEVY_TLS_NAMES_H */
