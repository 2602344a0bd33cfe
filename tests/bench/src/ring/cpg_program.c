/*
 * The programs of a measurement for corosync's process groups: a sender, a receiver, one that watches the ring.
 *
 * Word for word the pattern of `holdfast bench ring-program`: one message a call, the sender throws its own copies away
 * now and then, receivers print one line of JSON when all senders have ended. Compiled by bench-ring when it runs.
 *
 *   cpg-program send|receive MEMBERS SENDERS SIZE SECONDS INTERVAL_MS
 *   cpg-program watch
 */
#include <corosync/cpg.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define END UINT64_MAX
#define SAMPLES (1 << 20)

static cpg_handle_t handle;
static unsigned own;
static unsigned senders, members_now, left_seen;
static unsigned ended;
static uint64_t count, bytes, first, last, before, gap_most, missing;
static int single;
static struct { uint32_t node, pid; uint64_t next; } seen[64];
static unsigned seen_count;
static uint64_t *near_list, *far_list;
static unsigned near_count, far_count;

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what, int code)
{
	printf("{\"error\":\"%s: %d\"}\n", what, code);
	fflush(stdout);
	exit(1);
}

static void in_order(uint32_t node, uint32_t pid, uint64_t sequence)
{
	unsigned i = 0;
	while (i < seen_count && (seen[i].node != node || seen[i].pid != pid))
		i++;
	if (i == seen_count) {
		if (seen_count == 64)
			return;
		seen[i].node = node;
		seen[i].pid = pid;
		seen[i].next = 0;
		seen_count++;
	}
	if (sequence > seen[i].next)
		missing += sequence - seen[i].next;
	seen[i].next = sequence + 1;
}

static void deliver(cpg_handle_t h, const struct cpg_name *group, uint32_t node, uint32_t pid, void *message, size_t length)
{
	uint64_t stamp, sequence, time;
	(void)h;
	(void)group;
	if (!near_list || length < 16)
		return;
	memcpy(&stamp, message, 8);
	memcpy(&sequence, (char *)message + 8, 8);
	if (stamp == END) {
		ended++;
		if (last == 0)
			last = now();
		return;
	}
	in_order(node, pid, sequence);
	if (count == 0)
		first = now();
	count++;
	bytes += length;
	if (single) {
		time = now();
		if (before && time - before > gap_most)
			gap_most = time - before;
		before = time;
		if (node == own && near_count < SAMPLES)
			near_list[near_count++] = time - stamp;
		if (node != own && far_count < SAMPLES)
			far_list[far_count++] = time - stamp;
	}
}

static void changed(cpg_handle_t h, const struct cpg_name *group, const struct cpg_address *members, size_t n,
		    const struct cpg_address *gone, size_t gone_n, const struct cpg_address *come, size_t come_n)
{
	(void)h;
	(void)group;
	(void)members;
	(void)gone;
	(void)come;
	(void)come_n;
	members_now = (unsigned)n;
	left_seen += (unsigned)gone_n;
}

static void ring(cpg_handle_t h, struct cpg_ring_id id, uint32_t n, const uint32_t *list)
{
	(void)h;
	(void)id;
	(void)list;
	printf("%llu %u\n", (unsigned long long)now(), n);
	fflush(stdout);
}

static void dispatch_all(void)
{
	cs_error_t code = cpg_dispatch(handle, CS_DISPATCH_ALL);
	if (code != CS_OK && code != CS_ERR_TRY_AGAIN)
		fail("dispatch", code);
}

static void wait_for(int milliseconds)
{
	int fd;
	struct pollfd entry;
	cpg_fd_get(handle, &fd);
	entry.fd = fd;
	entry.events = POLLIN;
	if (poll(&entry, 1, milliseconds) > 0)
		dispatch_all();
}

static void enter(const char *name, int with_ring)
{
	cpg_model_v1_data_t model;
	struct cpg_name group;
	cs_error_t code = CS_OK;
	int attempt;

	memset(&model, 0, sizeof(model));
	model.cpg_deliver_fn = deliver;
	model.cpg_confchg_fn = changed;
	if (with_ring) {
		model.cpg_totem_confchg_fn = ring;
		model.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF;
	}
	for (attempt = 0; attempt < 5000; attempt++) {
		code = cpg_model_initialize(&handle, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL);
		if (code == CS_OK)
			break;
		usleep(2000);
	}
	if (code != CS_OK)
		fail("initialize", code);
	cpg_local_get(handle, &own);
	group.length = (uint32_t)strlen(name);
	memcpy(group.value, name, group.length);
	for (attempt = 0; attempt < 5000; attempt++) {
		code = cpg_join(handle, &group);
		if (code != CS_ERR_TRY_AGAIN)
			break;
		usleep(2000);
	}
	if (code != CS_OK)
		fail("join", code);
}

static void cast(char *payload, size_t size)
{
	struct iovec part = { payload, size };
	for (;;) {
		cs_error_t code = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &part, 1);
		if (code == CS_OK)
			return;
		if (code != CS_ERR_TRY_AGAIN)
			fail("multicast", code);
		dispatch_all();
		usleep(20);
	}
}

static void run_sender(size_t size, double seconds, int interval)
{
	char *payload = malloc(size);
	uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9), sequence = 0, time, stamp;

	memset(payload, 0x5a, size);
	while ((time = now()) < end) {
		memcpy(payload, &time, 8);
		memcpy(payload + 8, &sequence, 8);
		sequence++;
		cast(payload, size);
		if (interval > 0) {
			uint64_t wake = time + (uint64_t)interval * 1000000u;
			while ((time = now()) < wake)
				wait_for((int)((wake - time) / 1000000u));
		} else if (sequence % 64 == 0) {
			dispatch_all();
		}
	}
	stamp = END;
	memcpy(payload, &stamp, 8);
	cast(payload, size);
	left_seen = 0;
	while (left_seen == 0)
		wait_for(1000);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void latencies(const char *name, uint64_t *list, unsigned n)
{
	if (n == 0)
		return;
	qsort(list, n, sizeof(*list), ascending);
	printf(",\"%s_p50_us\":%.1f,\"%s_p99_us\":%.1f,\"%s_min_us\":%.1f", name, list[n / 2] / 1e3, name,
	       list[(uint64_t)n * 99 / 100] / 1e3, name, list[0] / 1e3);
}

static void run_receiver(void)
{
	double seconds;
	while (ended < senders && left_seen == 0)
		wait_for(1000);
	if (last == 0)
		last = now();
	seconds = (double)(last - first) / 1e9;
	printf("{\"messages\":%llu,\"bytes\":%llu,\"seconds\":%.4f,\"messages_per_second\":%.1f,\"missing\":%llu,\"gap_max_us\":%.1f",
	       (unsigned long long)count, (unsigned long long)bytes, seconds, seconds > 0 ? count / seconds : 0.0,
	       (unsigned long long)missing, gap_most / 1e3);
	latencies("self", near_list, near_count);
	latencies("remote", far_list, far_count);
	printf("}\n");
}

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, 9);
	prctl(PR_SET_TIMERSLACK, 1);
	if (argc == 2 && strcmp(argv[1], "watch") == 0) {
		enter("bench-watch", 1);
		for (;;)
			wait_for(1000);
	}
	if (argc != 7)
		return 64;
	senders = (unsigned)atoi(argv[3]);
	single = atoi(argv[6]) > 0;
	int receiving = strcmp(argv[1], "receive") == 0;
	if (receiving) {
		near_list = malloc(SAMPLES * sizeof(*near_list));
		far_list = malloc(SAMPLES * sizeof(*far_list));
	}
	enter("bench", 0);
	while (members_now < (unsigned)atoi(argv[2]))
		wait_for(1000);
	if (receiving)
		run_receiver();
	else
		run_sender((size_t)atol(argv[4]), atof(argv[5]), atoi(argv[6]));
	return 0;
}
