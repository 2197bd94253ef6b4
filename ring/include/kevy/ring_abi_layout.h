/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_abi_layout.h - checks at compile time that each struct lies as the kernel expects it.
 *
 * Part of <kevy/ring_abi.h>, which explains the names.
 *
 * KEVY_ABI_SIZE(tag, bytes) and KEVY_ABI_FIELD(tag, field, offset, bytes) are about `struct
 * kevy_<tag>`. The numbers are those of the kernel, and the same on all architectures: the ABI has
 * explicit padding, so that a 32-bit process and a 64-bit kernel agree.
 */
#ifndef KEVY_RING_ABI_LAYOUT_H
#define KEVY_RING_ABI_LAYOUT_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <kevy/ring_abi_op.h>
#include <kevy/ring_abi_queue.h>
#include <kevy/ring_abi_register.h>

#define KEVY_ABI_SIZE(tag, bytes) \
    KEVY_STATIC_ASSERT(sizeof(struct kevy_##tag) == (bytes), "size of kevy_" #tag)
#define KEVY_ABI_FIELD(tag, field, offset, bytes)                              \
    KEVY_STATIC_ASSERT(offsetof(struct kevy_##tag, field) == (offset) &&       \
                           sizeof(((struct kevy_##tag *)0)->field) == (bytes), \
                       "kevy_" #tag "." #field)

KEVY_ABI_SIZE(sqe, 64);
KEVY_ABI_FIELD(sqe, opcode, 0, 1);
KEVY_ABI_FIELD(sqe, flags, 1, 1);
KEVY_ABI_FIELD(sqe, ioprio, 2, 2);
KEVY_ABI_FIELD(sqe, fd, 4, 4);
KEVY_ABI_FIELD(sqe, off, 8, 8);
KEVY_ABI_FIELD(sqe, addr2, 8, 8);
KEVY_ABI_FIELD(sqe, cmd_op, 8, 4);
KEVY_ABI_FIELD(sqe, pad1, 12, 4);
KEVY_ABI_FIELD(sqe, addr, 16, 8);
KEVY_ABI_FIELD(sqe, splice_off_in, 16, 8);
KEVY_ABI_FIELD(sqe, level, 16, 4);
KEVY_ABI_FIELD(sqe, optname, 20, 4);
KEVY_ABI_FIELD(sqe, len, 24, 4);
KEVY_ABI_FIELD(sqe, rw_flags, 28, 4);
KEVY_ABI_FIELD(sqe, fsync_flags, 28, 4);
KEVY_ABI_FIELD(sqe, poll32_events, 28, 4);
KEVY_ABI_FIELD(sqe, sync_range_flags, 28, 4);
KEVY_ABI_FIELD(sqe, msg_flags, 28, 4);
KEVY_ABI_FIELD(sqe, timeout_flags, 28, 4);
KEVY_ABI_FIELD(sqe, accept_flags, 28, 4);
KEVY_ABI_FIELD(sqe, cancel_flags, 28, 4);
KEVY_ABI_FIELD(sqe, open_flags, 28, 4);
KEVY_ABI_FIELD(sqe, statx_flags, 28, 4);
KEVY_ABI_FIELD(sqe, fadvise_advice, 28, 4);
KEVY_ABI_FIELD(sqe, splice_flags, 28, 4);
KEVY_ABI_FIELD(sqe, rename_flags, 28, 4);
KEVY_ABI_FIELD(sqe, unlink_flags, 28, 4);
KEVY_ABI_FIELD(sqe, hardlink_flags, 28, 4);
KEVY_ABI_FIELD(sqe, xattr_flags, 28, 4);
KEVY_ABI_FIELD(sqe, msg_ring_flags, 28, 4);
KEVY_ABI_FIELD(sqe, uring_cmd_flags, 28, 4);
KEVY_ABI_FIELD(sqe, waitid_flags, 28, 4);
KEVY_ABI_FIELD(sqe, futex_flags, 28, 4);
KEVY_ABI_FIELD(sqe, install_fd_flags, 28, 4);
KEVY_ABI_FIELD(sqe, nop_flags, 28, 4);
KEVY_ABI_FIELD(sqe, pipe_flags, 28, 4);
KEVY_ABI_FIELD(sqe, poll_events, 28, 2);
KEVY_ABI_FIELD(sqe, user_data, 32, 8);
KEVY_ABI_FIELD(sqe, buf_index, 40, 2);
KEVY_ABI_FIELD(sqe, buf_group, 40, 2);
KEVY_ABI_FIELD(sqe, personality, 42, 2);
KEVY_ABI_FIELD(sqe, splice_fd_in, 44, 4);
KEVY_ABI_FIELD(sqe, file_index, 44, 4);
KEVY_ABI_FIELD(sqe, zcrx_ifq_idx, 44, 4);
KEVY_ABI_FIELD(sqe, optlen, 44, 4);
KEVY_ABI_FIELD(sqe, addr_len, 44, 2);
KEVY_ABI_FIELD(sqe, addr3, 48, 8);
KEVY_ABI_FIELD(sqe, attr_ptr, 48, 8);
KEVY_ABI_FIELD(sqe, attr_type_mask, 56, 8);
KEVY_ABI_FIELD(sqe, optval, 48, 8);
KEVY_ABI_FIELD(sqe, cmd, 48, 16);
KEVY_ABI_FIELD(sqe, pad3, 46, 2);
KEVY_ABI_FIELD(sqe, write_stream, 44, 1);
KEVY_ABI_FIELD(sqe, pad4, 45, 3);
KEVY_ABI_FIELD(sqe, pad2, 56, 8);

KEVY_ABI_SIZE(cqe, 16);
KEVY_ABI_FIELD(cqe, user_data, 0, 8);
KEVY_ABI_FIELD(cqe, res, 8, 4);
KEVY_ABI_FIELD(cqe, flags, 12, 4);

KEVY_ABI_SIZE(params, 120);
KEVY_ABI_FIELD(params, sq_entries, 0, 4);
KEVY_ABI_FIELD(params, cq_entries, 4, 4);
KEVY_ABI_FIELD(params, flags, 8, 4);
KEVY_ABI_FIELD(params, sq_thread_cpu, 12, 4);
KEVY_ABI_FIELD(params, sq_thread_idle, 16, 4);
KEVY_ABI_FIELD(params, features, 20, 4);
KEVY_ABI_FIELD(params, wq_fd, 24, 4);
KEVY_ABI_FIELD(params, resv, 28, 12);
KEVY_ABI_FIELD(params, sq_off, 40, 40);
KEVY_ABI_FIELD(params, cq_off, 80, 40);

KEVY_ABI_SIZE(sqring_offsets, 40);
KEVY_ABI_FIELD(sqring_offsets, head, 0, 4);
KEVY_ABI_FIELD(sqring_offsets, tail, 4, 4);
KEVY_ABI_FIELD(sqring_offsets, ring_mask, 8, 4);
KEVY_ABI_FIELD(sqring_offsets, ring_entries, 12, 4);
KEVY_ABI_FIELD(sqring_offsets, flags, 16, 4);
KEVY_ABI_FIELD(sqring_offsets, dropped, 20, 4);
KEVY_ABI_FIELD(sqring_offsets, array, 24, 4);
KEVY_ABI_FIELD(sqring_offsets, resv1, 28, 4);
KEVY_ABI_FIELD(sqring_offsets, user_addr, 32, 8);

KEVY_ABI_SIZE(cqring_offsets, 40);
KEVY_ABI_FIELD(cqring_offsets, head, 0, 4);
KEVY_ABI_FIELD(cqring_offsets, tail, 4, 4);
KEVY_ABI_FIELD(cqring_offsets, ring_mask, 8, 4);
KEVY_ABI_FIELD(cqring_offsets, ring_entries, 12, 4);
KEVY_ABI_FIELD(cqring_offsets, overflow, 16, 4);
KEVY_ABI_FIELD(cqring_offsets, cqes, 20, 4);
KEVY_ABI_FIELD(cqring_offsets, flags, 24, 4);
KEVY_ABI_FIELD(cqring_offsets, resv1, 28, 4);
KEVY_ABI_FIELD(cqring_offsets, user_addr, 32, 8);

KEVY_ABI_SIZE(buf_reg, 40);
KEVY_ABI_FIELD(buf_reg, ring_addr, 0, 8);
KEVY_ABI_FIELD(buf_reg, ring_entries, 8, 4);
KEVY_ABI_FIELD(buf_reg, bgid, 12, 2);
KEVY_ABI_FIELD(buf_reg, flags, 14, 2);
KEVY_ABI_FIELD(buf_reg, min_left, 16, 4);
KEVY_ABI_FIELD(buf_reg, resv, 20, 20);

KEVY_ABI_SIZE(buf, 16);
KEVY_ABI_FIELD(buf, addr, 0, 8);
KEVY_ABI_FIELD(buf, len, 8, 4);
KEVY_ABI_FIELD(buf, bid, 12, 2);
KEVY_ABI_FIELD(buf, resv, 14, 2);

KEVY_ABI_SIZE(buf_ring, 16);
KEVY_ABI_FIELD(buf_ring, resv1, 0, 8);
KEVY_ABI_FIELD(buf_ring, resv2, 8, 4);
KEVY_ABI_FIELD(buf_ring, resv3, 12, 2);
KEVY_ABI_FIELD(buf_ring, tail, 14, 2);
KEVY_ABI_FIELD(buf_ring, bufs, 0, 16);

KEVY_ABI_SIZE(buf_status, 40);
KEVY_ABI_FIELD(buf_status, buf_group, 0, 4);
KEVY_ABI_FIELD(buf_status, head, 4, 4);
KEVY_ABI_FIELD(buf_status, resv, 8, 32);

KEVY_ABI_SIZE(getevents_arg, 24);
KEVY_ABI_FIELD(getevents_arg, sigmask, 0, 8);
KEVY_ABI_FIELD(getevents_arg, sigmask_sz, 8, 4);
KEVY_ABI_FIELD(getevents_arg, min_wait_usec, 12, 4);
KEVY_ABI_FIELD(getevents_arg, ts, 16, 8);

KEVY_ABI_SIZE(reg_wait, 64);
KEVY_ABI_FIELD(reg_wait, ts, 0, 16);
KEVY_ABI_FIELD(reg_wait, min_wait_usec, 16, 4);
KEVY_ABI_FIELD(reg_wait, flags, 20, 4);
KEVY_ABI_FIELD(reg_wait, sigmask, 24, 8);
KEVY_ABI_FIELD(reg_wait, sigmask_sz, 32, 4);
KEVY_ABI_FIELD(reg_wait, pad, 36, 12);
KEVY_ABI_FIELD(reg_wait, pad2, 48, 16);

KEVY_ABI_SIZE(sync_cancel_reg, 64);
KEVY_ABI_FIELD(sync_cancel_reg, addr, 0, 8);
KEVY_ABI_FIELD(sync_cancel_reg, fd, 8, 4);
KEVY_ABI_FIELD(sync_cancel_reg, flags, 12, 4);
KEVY_ABI_FIELD(sync_cancel_reg, timeout, 16, 16);
KEVY_ABI_FIELD(sync_cancel_reg, opcode, 32, 1);
KEVY_ABI_FIELD(sync_cancel_reg, pad, 33, 7);
KEVY_ABI_FIELD(sync_cancel_reg, pad2, 40, 24);

KEVY_ABI_SIZE(napi, 16);
KEVY_ABI_FIELD(napi, busy_poll_to, 0, 4);
KEVY_ABI_FIELD(napi, prefer_busy_poll, 4, 1);
KEVY_ABI_FIELD(napi, opcode, 5, 1);
KEVY_ABI_FIELD(napi, pad, 6, 2);
KEVY_ABI_FIELD(napi, op_param, 8, 4);
KEVY_ABI_FIELD(napi, resv, 12, 4);

KEVY_ABI_SIZE(clone_buffers, 32);
KEVY_ABI_FIELD(clone_buffers, src_fd, 0, 4);
KEVY_ABI_FIELD(clone_buffers, flags, 4, 4);
KEVY_ABI_FIELD(clone_buffers, src_off, 8, 4);
KEVY_ABI_FIELD(clone_buffers, dst_off, 12, 4);
KEVY_ABI_FIELD(clone_buffers, nr, 16, 4);
KEVY_ABI_FIELD(clone_buffers, pad, 20, 12);

KEVY_ABI_SIZE(region_desc, 64);
KEVY_ABI_FIELD(region_desc, user_addr, 0, 8);
KEVY_ABI_FIELD(region_desc, size, 8, 8);
KEVY_ABI_FIELD(region_desc, flags, 16, 4);
KEVY_ABI_FIELD(region_desc, id, 20, 4);
KEVY_ABI_FIELD(region_desc, mmap_offset, 24, 8);
KEVY_ABI_FIELD(region_desc, resv, 32, 32);

KEVY_ABI_SIZE(mem_region_reg, 32);
KEVY_ABI_FIELD(mem_region_reg, region_uptr, 0, 8);
KEVY_ABI_FIELD(mem_region_reg, flags, 8, 8);
KEVY_ABI_FIELD(mem_region_reg, resv, 16, 16);

KEVY_ABI_SIZE(files_update, 16);
KEVY_ABI_FIELD(files_update, offset, 0, 4);
KEVY_ABI_FIELD(files_update, resv, 4, 4);
KEVY_ABI_FIELD(files_update, fds, 8, 8);

KEVY_ABI_SIZE(rsrc_register, 32);
KEVY_ABI_FIELD(rsrc_register, nr, 0, 4);
KEVY_ABI_FIELD(rsrc_register, flags, 4, 4);
KEVY_ABI_FIELD(rsrc_register, resv2, 8, 8);
KEVY_ABI_FIELD(rsrc_register, data, 16, 8);
KEVY_ABI_FIELD(rsrc_register, tags, 24, 8);

KEVY_ABI_SIZE(rsrc_update, 16);
KEVY_ABI_FIELD(rsrc_update, offset, 0, 4);
KEVY_ABI_FIELD(rsrc_update, resv, 4, 4);
KEVY_ABI_FIELD(rsrc_update, data, 8, 8);

KEVY_ABI_SIZE(rsrc_update2, 32);
KEVY_ABI_FIELD(rsrc_update2, offset, 0, 4);
KEVY_ABI_FIELD(rsrc_update2, resv, 4, 4);
KEVY_ABI_FIELD(rsrc_update2, data, 8, 8);
KEVY_ABI_FIELD(rsrc_update2, tags, 16, 8);
KEVY_ABI_FIELD(rsrc_update2, nr, 24, 4);
KEVY_ABI_FIELD(rsrc_update2, resv2, 28, 4);

KEVY_ABI_SIZE(probe_op, 8);
KEVY_ABI_FIELD(probe_op, op, 0, 1);
KEVY_ABI_FIELD(probe_op, resv, 1, 1);
KEVY_ABI_FIELD(probe_op, flags, 2, 2);
KEVY_ABI_FIELD(probe_op, resv2, 4, 4);

KEVY_ABI_SIZE(probe, 2064);
KEVY_ABI_FIELD(probe, last_op, 0, 1);
KEVY_ABI_FIELD(probe, ops_len, 1, 1);
KEVY_ABI_FIELD(probe, resv, 2, 2);
KEVY_ABI_FIELD(probe, resv2, 4, 12);
KEVY_ABI_FIELD(probe, ops, 16, 2048);

KEVY_ABI_SIZE(restriction, 16);
KEVY_ABI_FIELD(restriction, opcode, 0, 2);
KEVY_ABI_FIELD(restriction, register_op, 2, 1);
KEVY_ABI_FIELD(restriction, resv, 3, 1);
KEVY_ABI_FIELD(restriction, resv2, 4, 12);

KEVY_ABI_SIZE(task_restriction, 16);
KEVY_ABI_FIELD(task_restriction, flags, 0, 2);
KEVY_ABI_FIELD(task_restriction, nr_res, 2, 2);
KEVY_ABI_FIELD(task_restriction, resv, 4, 12);

KEVY_ABI_SIZE(clock_register, 16);
KEVY_ABI_FIELD(clock_register, clockid, 0, 4);
KEVY_ABI_FIELD(clock_register, resv, 4, 12);

KEVY_ABI_SIZE(file_index_range, 16);
KEVY_ABI_FIELD(file_index_range, off, 0, 4);
KEVY_ABI_FIELD(file_index_range, len, 4, 4);
KEVY_ABI_FIELD(file_index_range, resv, 8, 8);

KEVY_ABI_SIZE(recvmsg_out, 16);
KEVY_ABI_FIELD(recvmsg_out, namelen, 0, 4);
KEVY_ABI_FIELD(recvmsg_out, controllen, 4, 4);
KEVY_ABI_FIELD(recvmsg_out, payloadlen, 8, 4);
KEVY_ABI_FIELD(recvmsg_out, flags, 12, 4);

KEVY_ABI_SIZE(attr_pi, 32);
KEVY_ABI_FIELD(attr_pi, flags, 0, 2);
KEVY_ABI_FIELD(attr_pi, app_tag, 2, 2);
KEVY_ABI_FIELD(attr_pi, len, 4, 4);
KEVY_ABI_FIELD(attr_pi, addr, 8, 8);
KEVY_ABI_FIELD(attr_pi, seed, 16, 8);
KEVY_ABI_FIELD(attr_pi, rsvd, 24, 8);

KEVY_ABI_SIZE(io_timespec, 16);
KEVY_ABI_FIELD(io_timespec, tv_sec, 0, 8);
KEVY_ABI_FIELD(io_timespec, tv_nsec, 8, 8);

KEVY_ABI_SIZE(zcrx_rqe, 16);
KEVY_ABI_FIELD(zcrx_rqe, off, 0, 8);
KEVY_ABI_FIELD(zcrx_rqe, len, 8, 4);
KEVY_ABI_FIELD(zcrx_rqe, pad, 12, 4);

KEVY_ABI_SIZE(zcrx_cqe, 16);
KEVY_ABI_FIELD(zcrx_cqe, off, 0, 8);
KEVY_ABI_FIELD(zcrx_cqe, pad, 8, 8);

KEVY_ABI_SIZE(zcrx_offsets, 32);
KEVY_ABI_FIELD(zcrx_offsets, head, 0, 4);
KEVY_ABI_FIELD(zcrx_offsets, tail, 4, 4);
KEVY_ABI_FIELD(zcrx_offsets, rqes, 8, 4);
KEVY_ABI_FIELD(zcrx_offsets, resv2, 12, 4);
KEVY_ABI_FIELD(zcrx_offsets, resv, 16, 16);

KEVY_ABI_SIZE(zcrx_area_reg, 48);
KEVY_ABI_FIELD(zcrx_area_reg, addr, 0, 8);
KEVY_ABI_FIELD(zcrx_area_reg, len, 8, 8);
KEVY_ABI_FIELD(zcrx_area_reg, rq_area_token, 16, 8);
KEVY_ABI_FIELD(zcrx_area_reg, flags, 24, 4);
KEVY_ABI_FIELD(zcrx_area_reg, dmabuf_fd, 28, 4);
KEVY_ABI_FIELD(zcrx_area_reg, resv2, 32, 16);

KEVY_ABI_SIZE(zcrx_ifq_reg, 96);
KEVY_ABI_FIELD(zcrx_ifq_reg, if_idx, 0, 4);
KEVY_ABI_FIELD(zcrx_ifq_reg, if_rxq, 4, 4);
KEVY_ABI_FIELD(zcrx_ifq_reg, rq_entries, 8, 4);
KEVY_ABI_FIELD(zcrx_ifq_reg, flags, 12, 4);
KEVY_ABI_FIELD(zcrx_ifq_reg, area_ptr, 16, 8);
KEVY_ABI_FIELD(zcrx_ifq_reg, region_ptr, 24, 8);
KEVY_ABI_FIELD(zcrx_ifq_reg, offsets, 32, 32);
KEVY_ABI_FIELD(zcrx_ifq_reg, zcrx_id, 64, 4);
KEVY_ABI_FIELD(zcrx_ifq_reg, rx_buf_len, 68, 4);
KEVY_ABI_FIELD(zcrx_ifq_reg, event_desc, 72, 8);
KEVY_ABI_FIELD(zcrx_ifq_reg, resv, 80, 16);

KEVY_ABI_SIZE(zcrx_stats, 16);
KEVY_ABI_FIELD(zcrx_stats, copy_count, 0, 8);
KEVY_ABI_FIELD(zcrx_stats, copy_bytes, 8, 8);

KEVY_ABI_SIZE(zcrx_event_desc, 96);
KEVY_ABI_FIELD(zcrx_event_desc, user_data, 0, 8);
KEVY_ABI_FIELD(zcrx_event_desc, type_mask, 8, 4);
KEVY_ABI_FIELD(zcrx_event_desc, flags, 12, 4);
KEVY_ABI_FIELD(zcrx_event_desc, stats_offset, 16, 8);
KEVY_ABI_FIELD(zcrx_event_desc, resv2, 24, 72);

KEVY_ABI_SIZE(zcrx_ctrl, 72);
KEVY_ABI_FIELD(zcrx_ctrl, zcrx_id, 0, 4);
KEVY_ABI_FIELD(zcrx_ctrl, op, 4, 4);
KEVY_ABI_FIELD(zcrx_ctrl, resv, 8, 16);
KEVY_ABI_FIELD(zcrx_ctrl, zc_export, 24, 48);
KEVY_ABI_FIELD(zcrx_ctrl, zc_flush, 24, 48);
KEVY_ABI_FIELD(zcrx_ctrl, zc_arm_event, 24, 48);

KEVY_ABI_SIZE(query_hdr, 40);
KEVY_ABI_FIELD(query_hdr, next_entry, 0, 8);
KEVY_ABI_FIELD(query_hdr, query_data, 8, 8);
KEVY_ABI_FIELD(query_hdr, query_op, 16, 4);
KEVY_ABI_FIELD(query_hdr, size, 20, 4);
KEVY_ABI_FIELD(query_hdr, result, 24, 4);
KEVY_ABI_FIELD(query_hdr, resv, 28, 12);

KEVY_ABI_SIZE(query_opcode, 48);
KEVY_ABI_FIELD(query_opcode, nr_request_opcodes, 0, 4);
KEVY_ABI_FIELD(query_opcode, nr_register_opcodes, 4, 4);
KEVY_ABI_FIELD(query_opcode, feature_flags, 8, 8);
KEVY_ABI_FIELD(query_opcode, ring_setup_flags, 16, 8);
KEVY_ABI_FIELD(query_opcode, enter_flags, 24, 8);
KEVY_ABI_FIELD(query_opcode, sqe_flags, 32, 8);
KEVY_ABI_FIELD(query_opcode, nr_query_opcodes, 40, 4);
KEVY_ABI_FIELD(query_opcode, pad, 44, 4);

KEVY_ABI_SIZE(query_zcrx, 40);
KEVY_ABI_FIELD(query_zcrx, register_flags, 0, 8);
KEVY_ABI_FIELD(query_zcrx, area_flags, 8, 8);
KEVY_ABI_FIELD(query_zcrx, nr_ctrl_opcodes, 16, 4);
KEVY_ABI_FIELD(query_zcrx, features, 20, 4);
KEVY_ABI_FIELD(query_zcrx, rq_hdr_size, 24, 4);
KEVY_ABI_FIELD(query_zcrx, rq_hdr_alignment, 28, 4);
KEVY_ABI_FIELD(query_zcrx, resv2, 32, 8);

KEVY_ABI_SIZE(query_zcrx_event, 48);
KEVY_ABI_FIELD(query_zcrx_event, event_flags, 0, 4);
KEVY_ABI_FIELD(query_zcrx_event, stats_size, 4, 4);
KEVY_ABI_FIELD(query_zcrx_event, stats_off_alignment, 8, 4);
KEVY_ABI_FIELD(query_zcrx_event, resv1, 12, 4);
KEVY_ABI_FIELD(query_zcrx_event, resv2, 16, 32);

KEVY_ABI_SIZE(query_scq, 16);
KEVY_ABI_FIELD(query_scq, hdr_size, 0, 8);
KEVY_ABI_FIELD(query_scq, hdr_alignment, 8, 8);

KEVY_ABI_SIZE(bpf_filter, 64);
KEVY_ABI_FIELD(bpf_filter, opcode, 0, 4);
KEVY_ABI_FIELD(bpf_filter, flags, 4, 4);
KEVY_ABI_FIELD(bpf_filter, filter_len, 8, 4);
KEVY_ABI_FIELD(bpf_filter, pdu_size, 12, 1);
KEVY_ABI_FIELD(bpf_filter, resv, 13, 3);
KEVY_ABI_FIELD(bpf_filter, filter_ptr, 16, 8);
KEVY_ABI_FIELD(bpf_filter, resv2, 24, 40);

KEVY_ABI_SIZE(bpf, 72);
KEVY_ABI_FIELD(bpf, cmd_type, 0, 2);
KEVY_ABI_FIELD(bpf, cmd_flags, 2, 2);
KEVY_ABI_FIELD(bpf, resv, 4, 4);
KEVY_ABI_FIELD(bpf, filter, 8, 64);

KEVY_ABI_SIZE(bpf_ctx, 40);
KEVY_ABI_FIELD(bpf_ctx, user_data, 0, 8);
KEVY_ABI_FIELD(bpf_ctx, opcode, 8, 1);
KEVY_ABI_FIELD(bpf_ctx, sqe_flags, 9, 1);
KEVY_ABI_FIELD(bpf_ctx, pdu_size, 10, 1);
KEVY_ABI_FIELD(bpf_ctx, pad, 11, 5);
KEVY_ABI_FIELD(bpf_ctx, socket, 16, 12);
KEVY_ABI_FIELD(bpf_ctx, open, 16, 24);

KEVY_ABI_SIZE(timespec, 16);
KEVY_ABI_FIELD(timespec, tv_sec, 0, 8);
KEVY_ABI_FIELD(timespec, tv_nsec, 8, 8);

KEVY_ABI_SIZE(open_how, 24);
KEVY_ABI_FIELD(open_how, flags, 0, 8);
KEVY_ABI_FIELD(open_how, mode, 8, 8);
KEVY_ABI_FIELD(open_how, resolve, 16, 8);

KEVY_ABI_SIZE(futex_waitv, 24);
KEVY_ABI_FIELD(futex_waitv, val, 0, 8);
KEVY_ABI_FIELD(futex_waitv, uaddr, 8, 8);
KEVY_ABI_FIELD(futex_waitv, flags, 16, 4);
KEVY_ABI_FIELD(futex_waitv, reserved, 20, 4);

KEVY_ABI_SIZE(zcrx_ctrl_export, 48);
KEVY_ABI_FIELD(zcrx_ctrl_export, zcrx_fd, 0, 4);
KEVY_ABI_FIELD(zcrx_ctrl_export, resv1, 4, 44);

KEVY_ABI_SIZE(zcrx_ctrl_arm_event, 48);
KEVY_ABI_FIELD(zcrx_ctrl_arm_event, event_type, 0, 4);
KEVY_ABI_FIELD(zcrx_ctrl_arm_event, resv, 4, 44);

KEVY_ABI_SIZE(zcrx_ctrl_flush_rq, 48);
KEVY_ABI_FIELD(zcrx_ctrl_flush_rq, resv, 0, 48);

KEVY_ABI_SIZE(bpf_ctx_socket, 12);
KEVY_ABI_FIELD(bpf_ctx_socket, family, 0, 4);
KEVY_ABI_FIELD(bpf_ctx_socket, type, 4, 4);
KEVY_ABI_FIELD(bpf_ctx_socket, protocol, 8, 4);

KEVY_ABI_SIZE(sqe128, 128);
KEVY_ABI_FIELD(sqe128, sqe, 0, 64);
KEVY_ABI_FIELD(sqe128, cmd_rest, 64, 64);

KEVY_ABI_SIZE(cqe32, 32);
KEVY_ABI_FIELD(cqe32, cqe, 0, 16);
KEVY_ABI_FIELD(cqe32, big_cqe, 16, 16);

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_ABI_LAYOUT_H */
