/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The names that the files of this folder share, with our prefix for the linker.
 *
 * A shared library hides them. A static one cannot: there `wheel_init` would meet the user's own
 * function of that name. So the linker sees kevy_private_wheel_init, and the code stays readable.
 * Every private header includes this one first; the test `exports` fails on a name that is missing.
 */
#ifndef KEVY_REACTOR_NAMES_H
#define KEVY_REACTOR_NAMES_H

#define block_copy                  kevy_private_block_copy
#define child_flush                 kevy_private_child_flush
#define child_object_abort          kevy_private_child_object_abort
#define child_start                 kevy_private_child_start
#define completion_done             kevy_private_completion_done
#define completion_internal_poll    kevy_private_completion_internal_poll
#define connect_flush               kevy_private_connect_flush
#define connect_object_abort        kevy_private_connect_object_abort
#define datagram_error_tell         kevy_private_datagram_error_tell
#define datagram_flush              kevy_private_datagram_flush
#define datagram_object_abort       kevy_private_datagram_object_abort
#define datagram_object_closed      kevy_private_datagram_object_closed
#define datagram_read_close         kevy_private_datagram_read_close
#define datagram_read_continue      kevy_private_datagram_read_continue
#define datagram_read_open          kevy_private_datagram_read_open
#define datagram_socket             kevy_private_datagram_socket
#define datagram_socket_family      kevy_private_datagram_socket_family
#define datagram_write_continue     kevy_private_datagram_write_continue
#define datagram_write_open         kevy_private_datagram_write_open
#define file_flush                  kevy_private_file_flush
#define file_object_abort           kevy_private_file_object_abort
#define file_object_closed          kevy_private_file_object_closed
#define job_abandon                 kevy_private_job_abandon
#define job_cancel                  kevy_private_job_cancel
#define job_delivered               kevy_private_job_delivered
#define job_submit                  kevy_private_job_submit
#define listener_accept_done        kevy_private_listener_accept_done
#define listener_connection_gone    kevy_private_listener_connection_gone
#define listener_flush              kevy_private_listener_flush
#define listener_object_abort       kevy_private_listener_object_abort
#define listener_object_closed      kevy_private_listener_object_closed
#define listeners_descriptor_free   kevy_private_listeners_descriptor_free
#define lookup_flush                kevy_private_lookup_flush
#define lookup_object_abort         kevy_private_lookup_object_abort
#define memory_blocks_grow          kevy_private_memory_blocks_grow
#define memory_buffers_grow         kevy_private_memory_buffers_grow
#define memory_deinit               kevy_private_memory_deinit
#define memory_init                 kevy_private_memory_init
#define memory_malloc               kevy_private_memory_malloc
#define memory_table                kevy_private_memory_table
#define memory_table_free           kevy_private_memory_table_free
#define object_abort                kevy_private_object_abort
#define object_closed               kevy_private_object_closed
#define object_flush_all            kevy_private_object_flush_all
#define object_kind_name            kevy_private_object_kind_name
#define object_link                 kevy_private_object_link
#define object_unlink               kevy_private_object_unlink
#define object_unlink_flushed       kevy_private_object_unlink_flushed
#define pool_can_feed               kevy_private_pool_can_feed
#define pool_close                  kevy_private_pool_close
#define pool_feed                   kevy_private_pool_feed
#define pool_forget                 kevy_private_pool_forget
#define pool_forget_datagram        kevy_private_pool_forget_datagram
#define pool_open                   kevy_private_pool_open
#define pool_starve                 kevy_private_pool_starve
#define pool_starve_datagram        kevy_private_pool_starve_datagram
#define reactor_alive               kevy_private_reactor_alive
#define reactor_arena               kevy_private_reactor_arena
#define reactor_cancel_sqe          kevy_private_reactor_cancel_sqe
#define reactor_clock               kevy_private_reactor_clock
#define reactor_operations          kevy_private_reactor_operations
#define reactor_sqe_full            kevy_private_reactor_sqe_full
#define reactor_turn                kevy_private_reactor_turn
#define resolver_error              kevy_private_resolver_error
#define restriction_apply           kevy_private_restriction_apply
#define signals_close               kevy_private_signals_close
#define socket_address_any_v4       kevy_private_socket_address_any_v4
#define socket_address_find         kevy_private_socket_address_find
#define socket_adopt                kevy_private_socket_adopt
#define socket_listen               kevy_private_socket_listen
#define socket_option_set           kevy_private_socket_option_set
#define socket_port                 kevy_private_socket_port
#define stream_accepted             kevy_private_stream_accepted
#define stream_connect_done         kevy_private_stream_connect_done
#define stream_deadline_due         kevy_private_stream_deadline_due
#define stream_deadline_file        kevy_private_stream_deadline_file
#define stream_deadlines_closing    kevy_private_stream_deadlines_closing
#define stream_deadlines_off        kevy_private_stream_deadlines_off
#define stream_descriptor_attach    kevy_private_stream_descriptor_attach
#define stream_descriptor_sent      kevy_private_stream_descriptor_sent
#define stream_descriptors_drop     kevy_private_stream_descriptors_drop
#define stream_descriptors_received kevy_private_stream_descriptors_received
#define stream_descriptors_recv     kevy_private_stream_descriptors_recv
#define stream_descriptors_tell     kevy_private_stream_descriptors_tell
#define stream_flush                kevy_private_stream_flush
#define stream_held_drop            kevy_private_stream_held_drop
#define stream_linger               kevy_private_stream_linger
#define stream_message              kevy_private_stream_message
#define stream_object_abort         kevy_private_stream_object_abort
#define stream_object_closed        kevy_private_stream_object_closed
#define stream_queue_append         kevy_private_stream_queue_append
#define stream_queue_drop           kevy_private_stream_queue_drop
#define stream_read_continue        kevy_private_stream_read_continue
#define stream_receives_descriptors kevy_private_stream_receives_descriptors
#define stream_recv_adjust          kevy_private_stream_recv_adjust
#define stream_recv_done            kevy_private_stream_recv_done
#define stream_release_held         kevy_private_stream_release_held
#define stream_send_done            kevy_private_stream_send_done
#define stream_sent                 kevy_private_stream_sent
#define stream_terminate            kevy_private_stream_terminate
#define stream_ticks                kevy_private_stream_ticks
#define stream_unhold               kevy_private_stream_unhold
#define stream_write_allowed        kevy_private_stream_write_allowed
#define stream_write_continue       kevy_private_stream_write_continue
#define stream_write_finished       kevy_private_stream_write_finished
#define stream_zero_copy_done       kevy_private_stream_zero_copy_done
#define stream_zero_copy_next       kevy_private_stream_zero_copy_next
#define stream_zero_copy_send       kevy_private_stream_zero_copy_send
#define tasks_close                 kevy_private_tasks_close
#define tasks_open                  kevy_private_tasks_open
#define tasks_run_due               kevy_private_tasks_run_due
#define tasks_run_own               kevy_private_tasks_run_own
#define timers_forget               kevy_private_timers_forget
#define timers_run                  kevy_private_timers_run
#define wheel_advance               kevy_private_wheel_advance
#define wheel_due                   kevy_private_wheel_due
#define wheel_empty                 kevy_private_wheel_empty
#define wheel_file                  kevy_private_wheel_file
#define wheel_init                  kevy_private_wheel_init
#define wheel_unfile                kevy_private_wheel_unfile
#define work_flush                  kevy_private_work_flush
#define work_object_abort           kevy_private_work_object_abort

#endif /* KEVY_REACTOR_NAMES_H */
