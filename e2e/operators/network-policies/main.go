// Command network-policies enforces NetworkPolicies on the one node of the cluster, with the engine of kube-network-policies: the first packet
// of each connection is judged here. The engine's own nftables rules need a kernel with NFT_QUEUE and fail without (it logs so); iptables
// rules stand in for them.
//
//	KUBECONFIG=... network-policies
//
// Prints "enforcing" when packets are judged. Ends on SIGTERM, and takes its rules with it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// Rules of the mangle table. POSTROUTING is after a Service's address has become a Pod's and before a Pod's becomes the node's; INPUT is what Pods
// send to the node itself (the API server, DNS). What the node sends (the kubelet's probes, admission reviews) is let through, as every
// NetworkPolicy must.
var rules = []string{
	"POSTROUTING -o lo -j ACCEPT",
	"POSTROUTING -m owner --uid-owner 0 -j ACCEPT",
	"POSTROUTING -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
	"POSTROUTING -p tcp -j NFQUEUE --queue-num 100",
	"POSTROUTING -p udp -j NFQUEUE --queue-num 100",
	"INPUT -i cni0 -p tcp -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100",
	"INPUT -i cni0 -p udp -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100",
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func iptables(action string, rule string) error {
	out, err := exec.Command("iptables", append([]string{"-w", "-t", "mangle", action}, strings.Fields(rule)...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %s %s: %w: %s", action, rule, err, out)
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err)
	client, err := kubernetes.NewForConfig(config)
	must(err)
	factory := informers.NewSharedInformerFactory(client, 0)
	// NRIdisabled would spare one line of log, but then an address that is no Pod's meets a nil pointer.
	engine, err := networkpolicy.NewController(client, factory.Networking().V1().NetworkPolicies(), factory.Core().V1().Namespaces(),
		factory.Core().V1().Pods(), nil, nil, nil, nil, networkpolicy.Config{QueueID: 100})
	must(err)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	ended := make(chan error)
	go func() { ended <- engine.Run(ctx) }()
	for _, rule := range rules {
		must(iptables("-A", rule))
		defer iptables("-D", rule)
	}
	fmt.Println("enforcing")
	<-ended
}
